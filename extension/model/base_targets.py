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
NAMES: Mapping[str, str] = {  # as LoRA files name them
    "sd15": "SD1",
    "sd15-inpaint": "SD1",
    "sd15-pix2pix": "SD1",
    "sd21": "SD2",
    "sd21-inpaint": "SD2",
    "sdxl": "SDXL",
    "sdxl-inpaint": "SDXL",
    "sdxl-refiner": "SDXL refiner",
}
BASES = tuple(NAMES)
# By the width of the text that their cross attention reads.
WIDTHS: Mapping[int, str] = {768: "sd15", 1024: "sd21", 1280: "sdxl-refiner", 2048: "sdxl"}
ALIASES = {"sd1": "sd15", "sd2": "sd21", "sd20": "sd21", "refiner": "sdxl-refiner"}


def name_of_width(width: int) -> str | None:
    """What LoRA files call a model whose cross attention reads texts so wide; None if unknown."""
    return NAMES[WIDTHS[width]] if width in WIDTHS else None


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
        for diffusers, ldm, kind, shape in rows:
            path = diffusers if layout == "diffusers" else ldm
            if path:
                key = layer_key(component, path)
                assert key is not None, path
                yield Target(component, key, path, kind, tuple(shape))
