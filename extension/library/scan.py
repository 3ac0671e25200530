"""One look at all library folders: which files are there, and what each is called."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

from .lora_file import LoraFile, file_id
from .names import Names, unique_names
from .summaries import Summaries
from .walk import Folder, Stat, relisted, walk

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif")
VIDEOS = (".mp4", ".webm")
BESIDE = (".json", ".info", ".txt", *PICTURES, *VIDEOS)  # .metadata.json and the like end so, too
COARSE = 2_000_000_000  # ns; some file systems keep no finer times


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one scan found; never changed, so that readers need no lock.

    `began` is in ns since 1970, as file times are; `ended` is on the monotonic clock, in seconds.
    """

    entries: tuple[LoraFile, ...]
    problems: tuple[str, ...]
    folders: tuple[Folder, ...]
    by_id: Mapping[str, LoraFile]
    names: Names
    began: int
    ended: float
    walked: tuple[tuple[str, Folder], ...] = ()  # each folder with its library folder's label

    def is_current(self) -> bool:
        """Whether no folder changed since, by its time: whether files were added or removed."""
        return bool(self.folders) and all(
            _mtime(folder.path) == folder.mtime_ns and folder.mtime_ns < self.began - COARSE
            for folder in self.folders
        )

    def at(self, paths: Iterable[str]) -> Iterator[LoraFile | None]:
        """For each path the file, or None."""
        folders = {str(folder.path): (label, folder) for label, folder in self.walked}
        for path in paths:
            label, folder = folders.get(os.path.dirname(path), ("", None))  # noqa: PTH120
            yield self._in(folder, label, path) if folder else None

    def _in(self, folder: Folder, label: str, path: str) -> LoraFile | None:
        relative = folder.within(os.path.basename(path))  # noqa: PTH119 - as in `identity`
        places = (relative, f"{label}/{relative}")  # as `_entries` makes ids
        found = (self.by_id.get(file_id(place)) for place in places)
        return next((one for one in found if one and one.identity[0] == path), None)


@dataclass(frozen=True, slots=True)
class _Found:
    label: str
    folder: Folder
    file: str
    stat: Stat
    relative: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "relative", self.folder.within(self.file))


def scan(
    roots: Sequence[Path],
    models: tuple[str, ...],
    facts: Summaries,
    last: Snapshot | None = None,
) -> Snapshot:
    """Walks all folders; `models` are the suffixes that are listed. Nothing is raised.

    What is as it was at the `last` scan is the same object: a round takes no memory.
    """
    began, problems = time.time_ns(), list[str]()
    seen: set[tuple[int, int]] = set()
    before: dict[str, dict[str, Folder]] = {}
    for label, folder in last.walked if last else ():
        before.setdefault(label, {})[folder.relative] = folder
    walked = [
        (label, folder)
        for label, root in zip(_labels(roots), roots, strict=True)
        for folder in walk(root, models + BESIDE, problems.append, seen, before.get(label))
    ]
    return _snapshot(walked, models, facts, began, problems, last)


def rescan(
    last: Snapshot, folders: Set[Path], models: tuple[str, ...], facts: Summaries
) -> Snapshot:
    """The last scan with these folders' files as they are now; new folders are left to a scan."""
    began, problems = time.time_ns(), list(last.problems)
    walked = [
        (label, relisted(folder, models + BESIDE) if folder.path in folders else folder)
        for label, folder in last.walked
    ]
    return _snapshot(walked, models, facts, min(began, last.began), problems, last)


def _snapshot(
    walked: Sequence[tuple[str, Folder]],
    models: tuple[str, ...],
    facts: Summaries,
    began: int,
    problems: Sequence[str],
    last: Snapshot | None,
) -> Snapshot:
    if last is not None and _same_folders(walked, last.walked):
        return replace(last, problems=tuple(problems), began=began, ended=time.monotonic())
    found = sorted(_models(walked, models), key=lambda one: (one.label, one.relative))
    entries = _entries(found, facts, last.by_id if last else {})
    return Snapshot(
        entries=entries,
        problems=tuple(problems),
        walked=tuple(walked),
        folders=tuple(folder for _, folder in walked),
        by_id={entry.id: entry for entry in entries},
        names=Names(entries, [one.label for one in found]),
        began=began,
        ended=time.monotonic(),
    )


def _same_folders(
    walked: Sequence[tuple[str, Folder]], before: Sequence[tuple[str, Folder]]
) -> bool:
    return len(walked) == len(before) and all(
        folder is old and label == old_label
        for (label, folder), (old_label, old) in zip(walked, before, strict=True)
    )


def is_as_seen(entry: LoraFile) -> bool:
    """Whether the file, its folder, and what stands beside it are as the scan saw them."""
    if _mtime(entry.folder.path) != entry.folder.mtime_ns or not entry.is_current():
        return False
    path = entry.folder.path
    return all(_mtime(path / name) == stat.mtime_ns for name, stat in entry.beside_all().items())


def _labels(roots: Sequence[Path]) -> list[str]:
    """A name for each library folder: its own, numbered where two have the same."""
    names = [root.name for root in roots]
    before = (names[:at].count(name) for at, name in enumerate(names))
    return [f"{name}-{n + 1}" if n else name for name, n in zip(names, before, strict=True)]


def _models(walked: Iterable[tuple[str, Folder]], models: tuple[str, ...]) -> Iterable[_Found]:
    for label, folder in walked:
        for file, stat in folder.files.items():
            if file.lower().endswith(models) and not file.startswith("."):
                yield _Found(label, folder, file, stat)


def _entries(
    found: Sequence[_Found], facts: Summaries, before: Mapping[str, LoraFile]
) -> tuple[LoraFile, ...]:
    names = unique_names([(one.relative, one.label) for one in found])
    taken: set[str] = set()
    entries = []
    for one, name in zip(found, names, strict=True):
        place = one.relative if one.relative not in taken else f"{one.label}/{one.relative}"
        taken.add(place)
        id = file_id(place)
        old = before.get(id)
        if old and old.folder is one.folder and (old.file, old.name) == (one.file, name):
            entries.append(old)
        else:
            entries.append(LoraFile(id, name, one.file, one.stat, one.folder, facts))
    return tuple(entries)


def _mtime(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
