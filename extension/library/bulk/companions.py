"""Which files stand beside a LoRA and go where it goes: sidecars and previews of every program."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

from ..examples import MIDDLE as EXAMPLE
from ..examples import MOST
from ..lora_file import MODELS, PICKLES

WRITTEN = (
    *(".json", ".civitai.info", ".metadata.json", ".cm-info.json", ".swarm.json", ".txt"),
    *(".description.txt", ".md", ".html", ".yaml", ".url"),
)
SHOWN = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".jxl", ".mp4", ".webm", ".mov")
MIDDLES = (
    *("", ".preview", ".swarmpreview", ".cm-preview", ".thumb", ".before"),
    *(f"{EXAMPLE}{number}" for number in range(1, MOST + 1)),
)
SUFFIXES = frozenset((*WRITTEN, *map("".join, product(MIDDLES, SHOWN))))


@dataclass(frozen=True, slots=True)
class Companion:
    """A file beside a LoRA; `shared` with another of the same stem, which needs it as well."""

    path: Path
    suffix: str
    shared: bool


def companions(model: Path) -> list[Companion]:
    """The files that belong to `model`, as the folder is now. OSError."""
    names = sorted(entry.name for entry in model.parent.iterdir())
    stems = [Path(name).stem for name in names if name.lower().endswith(MODELS + PICKLES)]
    found = []
    for name in names:
        suffix = name[len(model.stem) :]
        if name.startswith(model.stem) and suffix.lower() in SUFFIXES:
            owner = _owner(name, stems)
            if owner == model.stem:
                shared = stems.count(owner) > 1
                found.append(Companion(model.parent / name, suffix, shared))
    return found


def _owner(name: str, stems: list[str]) -> str:
    """`a.metadata.json` is the `.json` of `a.metadata`, where there is such a LoRA."""
    fitting = (
        stem for stem in stems if name.startswith(stem) and name[len(stem) :].lower() in SUFFIXES
    )
    return max(fitting, key=len, default="")
