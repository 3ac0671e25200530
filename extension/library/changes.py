"""What changed in the library, numbered, so that whoever looks again is told only that."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .lora_file import LoraFile
    from .scan import Snapshot


class Changes:
    """Ids of files by the number of their last change; threads may share it.

    `epoch` tells this library from that of another start, whose numbers mean nothing here.
    """

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(4)
        self.number = 0
        self._last: dict[str, int] = {}  # id -> number, the latest at the end
        self._lock = threading.Lock()

    def note(self, ids: Iterable[str]) -> None:
        """These files appeared, changed or went."""
        with self._lock:
            for id in ids:
                self.number += 1
                self._last.pop(id, None)
                self._last[id] = self.number

    def since(self, number: int) -> list[str]:
        """The ids of what changed after this number, the latest first."""
        with self._lock:
            later = takewhile(lambda one: one[1] > number, reversed(self._last.items()))
            return [id for id, _ in later]


def differing(old: Snapshot, new: Snapshot) -> list[str]:
    """The ids of all files that one scan saw otherwise than the other, or not at all."""
    same_folders = _unchanged_folders(old, new)
    labels = dict(zip(old.by_id, old.names.labels, strict=True))
    changed = [
        entry.id
        for entry, label in zip(new.entries, new.names.labels, strict=True)
        if labels.get(entry.id) != label
        or not _same(old.by_id[entry.id], entry, str(entry.folder.path) in same_folders)
    ]
    return [*changed, *(id for id in old.by_id if id not in new.by_id)]


def _unchanged_folders(old: Snapshot, new: Snapshot) -> set[str]:
    before = {str(folder.path): folder.files for folder in old.folders}
    paths = ((str(folder.path), folder.files) for folder in new.folders)
    return {path for path, files in paths if before.get(path) == files}


def _same(old: LoraFile, new: LoraFile, same_folder: bool) -> bool:
    if old.name != new.name or old.identity != new.identity:
        return False
    return same_folder or old.beside_all() == new.beside_all()
