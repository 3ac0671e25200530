"""Textual inversions and checkpoints beside the LoRAs: shown, and never found by a tag's name.

Each kind has a catalog of its own; a prompt's names are looked up in that of the LoRAs only.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..library.catalog import Catalog
from ..library.lora_file import LoraFile
from ..network import other_kinds
from . import cards

INVERSION, CHECKPOINT = "inversion", "checkpoint"
GUESSES = {
    INVERSION: other_kinds.base_of_inversion,
    CHECKPOINT: other_kinds.base_of_checkpoint,
}
SUFFIXES = {INVERSION: (".safetensors", ".pt", ".bin"), CHECKPOINT: (".safetensors", ".ckpt")}
Shelves = Mapping[str, Catalog]  # by kind
ALL_AT_ONCE = 0.5  # seconds of reading before an answer goes out


def open_shelves(folders: Mapping[str, Sequence[Path]], cache: Path | None = None) -> Shelves:
    """A catalog for each kind that has folders."""
    return {
        kind: Catalog(
            found,
            suffixes=SUFFIXES[kind],
            guess=GUESSES[kind],
            cache=cache / kind if cache else None,
        )
        for kind, found in folders.items()
        if found
    }


def rows(shelves: Shelves, model: str | None, *, again: bool = False) -> dict[str, Any]:
    """All files as the page gets them, read for half a second at most; `again` scans first."""
    until = time.monotonic() + ALL_AT_ONCE
    for catalog in shelves.values():
        if again:
            catalog.scan()
        catalog.read_all(lambda: time.monotonic() < until)
    return {
        "files": [row(kind, entry, model) for kind in shelves for entry in shelves[kind].entries],
        "read": sum(catalog.read_count for catalog in shelves.values()),
        "problems": [one for catalog in shelves.values() for one in catalog.problems],
    }


def row(kind: str, entry: LoraFile, model: str | None) -> dict[str, Any]:
    """As a LoRA's, with `what` it is."""
    return cards.row(entry, _model(kind, model)) | _told(kind, entry)


def details(kind: str, entry: LoraFile, model: str | None, roots: Sequence[Path]) -> dict[str, Any]:
    """As a LoRA's; FileError only if the file is gone."""
    return cards.details(entry, _model(kind, model), roots) | _told(kind, entry)


def _told(kind: str, entry: LoraFile) -> dict[str, str]:
    return {"id": f"{kind}:{entry.id}", "what": kind, "stem": entry.stem}


def _model(kind: str, model: str | None) -> str | None:
    """A checkpoint is itself a model: there is none that it could fit."""
    return None if kind == CHECKPOINT else model
