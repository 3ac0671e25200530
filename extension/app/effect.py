"""`live-lora inspect FILE --model MODEL`: ΔW against the model's W, and what two files share."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import FileError
from ..hosts.attach import attach
from ..library.catalog import Catalog
from ..library.lora_file import LoraFile
from ..session.static_effect import static_effect
from . import load_model

BAR = 24


def effect_of(options: Namespace) -> dict[str, Any]:
    """What session/static_effect.py finds of the file, and of `--overlap`. FileError."""
    pipeline = load_model.load(options.model, device="cpu").pipeline
    paths = [options.file, *([options.overlap] if options.overlap else [])]
    catalog = Catalog(list(dict.fromkeys(path.absolute().parent for path in paths)))
    catalog.scan()
    with attach(pipeline, library=catalog) as live:
        core = live.core
        assert core is not None
        return static_effect(core, [_entry(catalog, path) for path in paths])


def _entry(catalog: Catalog, path: Path) -> LoraFile:
    wanted = path.resolve()
    for one in catalog.entries:
        if one.path.resolve() == wanted:
            return one
    raise FileError("gone", path, "there is no such LoRA file")


def lines(effect: Mapping[str, Any]) -> Iterator[str]:
    """For a person: a line for each block, with a bar of the first file's ratio."""
    first, *others = effect["files"]
    whole = ", ".join(f"{name} {_number(effect['whole'][name])}" for name in effect["files"])
    yield f"  against W   |dW| / |W| over all layers: {whole}"
    ratios = effect["ratio"][first]
    most = max((one for one in ratios if one is not None), default=0.0)
    overlap = effect["overlap"]
    for index, block in enumerate(effect["blocks"]):
        value = ratios[index]
        bar = "█" * round(BAR * value / most) if value and most else ""
        more = "".join(f"  {_number(effect['ratio'][name][index])}" for name in others)
        cosine = f"  overlap {_number(overlap['blocks'][index])}" if overlap else ""
        yield f"    {block:<6} {_number(value):>9}{more}{cosine}  {bar}"
    if overlap:
        yield f"  overlap     cosine of both dW over all layers: {_number(overlap['whole'])}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
