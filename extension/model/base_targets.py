"""Every layer of the known base models, from the package's own data (tools/make_targets.py)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from ..records import Component, Target
from .layer_names import layer_key

Layout = Literal["diffusers", "ldm"]
FOLDER = Path(__file__).parent / "targets"
BASES = (
    "sd15",
    "sd15-inpaint",
    "sd15-pix2pix",
    "sd21",
    "sd21-inpaint",
    "sdxl",
    "sdxl-inpaint",
    "sdxl-refiner",
)
ALIASES = {"sd1": "sd15", "sd2": "sd21", "sd20": "sd21", "refiner": "sdxl-refiner"}


def base_named(name: str) -> str:
    """The known base that is meant; ValueError with the list of them if there is none."""
    plain = name.lower().replace("_", "-").replace(".", "").replace(" ", "-")
    found = ALIASES.get(plain, plain)
    if found not in BASES:
        raise ValueError(f"{name!r} is not a known base model: choose one of {', '.join(BASES)}")
    return found


@lru_cache(maxsize=4)
def base_targets(base: str, layout: Layout = "diffusers") -> Mapping[tuple[str, str], Target]:
    """The base's targets by (component, key), as a host with this layout has them."""
    raw = gzip.decompress((FOLDER / f"{base}.json.gz").read_bytes())
    found = _targets(json.loads(raw), layout)
    return {(target.component, target.key): target for target in found}


def _targets(listed: Mapping[Component, list[Any]], layout: Layout) -> Iterator[Target]:
    for component, rows in listed.items():
        for diffusers, ldm, kind, shape, bias in rows:
            path = diffusers if layout == "diffusers" else ldm
            if path:
                key = layer_key(component, path)
                assert key is not None, path
                yield Target(component, key, path, kind, tuple(shape), bias)
