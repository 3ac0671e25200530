"""Files that belong together: the same tensors twice, and versions of one model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from ..civitai.reply import positive
from ..civitai.storing import info_of
from ..hashes import Hashes
from ..lora_file import LoraFile

Key = TypeVar("Key", str, int)


def duplicates(
    entries: Iterable[LoraFile], hashes: Callable[[LoraFile], Hashes | None]
) -> list[list[LoraFile]]:
    """Files with the same tensors, whatever their metadata say; files of no known hash are left
    out. A file that several links lead to is one.
    """
    found: dict[str, list[LoraFile]] = {}
    for entry in entries:
        if known := hashes(entry):
            found.setdefault(known.tensors, []).append(entry)
    return [same for same in found.values() if _places(same) > 1]


def versions(entries: Iterable[LoraFile]) -> dict[int, list[LoraFile]]:
    """Files of models that have several here, by Civitai's number, the newest version first."""
    found: dict[int, list[tuple[int, LoraFile]]] = {}
    for entry in entries:
        info = info_of(entry.path)
        model, version = positive(info.get("modelId")), positive(info.get("id"))
        if model and version:
            found.setdefault(model, []).append((version, entry))
    return {
        model: [entry for _, entry in sorted(known, key=lambda one: -one[0])]
        for model, known in sorted(found.items())
        if len(known) > 1
    }


def _places(entries: Sequence[LoraFile]) -> int:
    return len({entry.path.resolve() for entry in entries})
