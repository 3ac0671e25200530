"""One walk over a folder of LoRAs: every folder once, links followed, loops survived."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

BIN = ".live-lora-bin"  # in a library folder: what was deleted (bulk/bin.py)
ProblemCallback = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stat:
    """Size in bytes and time of the last change in nanoseconds: together, which file it is."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder as the walk saw it; `relative` is posix and "" for the root.

    `prefix` is what a file's name is put behind: paths are made by the hundred thousand.
    """

    path: Path
    relative: str
    mtime_ns: int
    files: Mapping[str, Stat]
    prefix: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", os.path.join(self.path, ""))  # noqa: PTH118

    def within(self, name: str) -> str:
        """The path of a file of this folder, relative to the root."""
        return f"{self.relative}/{name}" if self.relative else name


def walk(
    root: Path,
    suffixes: tuple[str, ...],
    report: ProblemCallback,
    seen: set[tuple[int, int]],
    before: Mapping[str, Folder] | None = None,
) -> Iterator[Folder]:
    """The folders under `root` with their files of these (lower-case) suffixes.

    A folder is visited once, under its real place if that lies in `root`, else under the first
    link that leads to it; so a loop of links ends. `seen` (device, inode) carries this over
    several roots. What cannot be read is reported and left out. Where a folder is as it was
    `before` (by relative path), it is the same object.
    """
    known = before or {}
    waiting: list[tuple[Path, str]] = [(root, "")]
    linked: list[tuple[Path, str]] = []
    while waiting or linked:
        path, relative = waiting.pop() if waiting else linked.pop(0)
        try:
            stat = path.stat()
            if (stat.st_dev, stat.st_ino) in seen:
                continue
            seen.add((stat.st_dev, stat.st_ino))
            listing = _list(path, relative, suffixes, report)
        except OSError as error:
            report(f"folder {relative or root.name!r} cannot be read: {error.strerror or error}")
            continue
        yield _same_or_new(
            known.get(relative), Folder(path, relative, stat.st_mtime_ns, listing.files)
        )
        waiting += reversed(listing.folders)
        linked += listing.links


def relisted(folder: Folder, suffixes: tuple[str, ...]) -> Folder:
    """The folder with its files as they are now; as it was where it cannot be read any more."""
    try:
        mtime = folder.path.stat().st_mtime_ns
        files = _list(folder.path, folder.relative, suffixes, lambda problem: None).files
    except OSError:
        return folder
    return Folder(folder.path, folder.relative, mtime, files)


def _same_or_new(old: Folder | None, new: Folder) -> Folder:
    if old is None or old.path != new.path or old.files != new.files:
        return new
    return old if old.mtime_ns == new.mtime_ns else replace(new, files=old.files)


def is_within(path: Path, folders: Iterable[Path]) -> bool:
    """Whether the file, links followed, really lies in one of these folders."""
    try:
        real = path.resolve()
        return any(real.is_relative_to(folder.resolve()) for folder in folders)
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL in a name
        return False


@dataclass(frozen=True, slots=True)
class _Listing:
    files: dict[str, Stat]
    folders: list[tuple[Path, str]]
    links: list[tuple[Path, str]]


def _list(
    path: Path, relative: str, suffixes: tuple[str, ...], report: ProblemCallback
) -> _Listing:
    listing = _Listing({}, [], [])
    with os.scandir(path) as found:
        for item in sorted(found, key=lambda item: item.name):
            inner = f"{relative}/{item.name}" if relative else item.name
            try:
                if item.name == BIN:
                    continue
                if item.is_dir():
                    kind = listing.links if item.is_symlink() else listing.folders
                    kind.append((path / item.name, inner))
                elif item.name.lower().endswith(suffixes):
                    stat = item.stat()
                    listing.files[item.name] = Stat(stat.st_size, stat.st_mtime_ns)
            except OSError as error:
                report(f"{inner!r} cannot be read: {error.strerror or error}")
    return listing
