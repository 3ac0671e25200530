"""One request for many files: what can be done is done, and of the rest it is said why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import FileError, LiveLoraError
from ..catalog import Catalog
from ..lora_file import LoraFile
from ..walk import is_within
from . import bin as bins
from .file_names import demand_folder, demand_stem
from .moves import move
from .tagging import change_tags


@dataclass(slots=True)
class Outcome:
    """Names of the files that it was done for, and sentences about the others.

    `undo` is the id of a deletion in the bin.
    """

    done: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    undo: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"done": self.done, "problems": self.problems, "undo": self.undo}


def move_all(entries: Iterable[LoraFile], root: Path, relative: str) -> Outcome:
    """Into a folder of a library ("" for itself), which is made if need be. FileError."""
    folder = root / demand_folder(relative)
    if not is_within(folder, [root]):
        raise FileError("place", relative, "is a link that leads out of the library")
    return _each(entries, lambda one: move(one.path, folder / one.path.name, root_of(one)))


def rename(entry: LoraFile, stem: str) -> Outcome:
    """Gives a file and all beside it another name. FileError."""
    target = entry.path.with_name(demand_stem(stem) + entry.path.suffix)
    return _each([entry], lambda one: move(one.path, target, root_of(one)))


def delete_all(entries: Iterable[LoraFile]) -> Outcome:
    """Into the bins of their library folders, all under one id."""
    id = bins.new_id()
    outcome = _each(entries, lambda one: bins.delete(one.path, root_of(one), id))
    outcome.undo = id if outcome.done else None
    return outcome


def restore_all(catalog: Catalog, id: str) -> Outcome:
    """Brings back one deletion from the bins of all library folders."""
    return _each_root(catalog, id, bins.restore)


def purge_all(catalog: Catalog, id: str) -> Outcome:
    """Removes one deletion for good."""
    return _each_root(catalog, id, bins.purge)


def tag_all(entries: Iterable[LoraFile], add: Iterable[str], remove: Iterable[str]) -> Outcome:
    """Adds and takes away tags of the user's own."""
    added, removed = list(add), list(remove)
    return _each(entries, lambda one: change_tags(one.path, added, removed))


def root_of(entry: LoraFile) -> Path:
    """The library folder that a file is listed in."""
    return entry.path.parents[len(PurePosixPath(entry.relative).parts) - 1]


def _each(entries: Iterable[LoraFile], work: Callable[[LoraFile], object]) -> Outcome:
    outcome = Outcome()
    for entry in entries:
        try:
            work(entry)
            outcome.done.append(entry.name)
        except LiveLoraError as error:
            outcome.problems.append(str(error))
    return outcome


def _each_root(catalog: Catalog, id: str, work: Callable[[Path, str], object]) -> Outcome:
    outcome = Outcome()
    for root in catalog.folders:
        inside = [one.relative for one in bins.deleted(root) if one.id == id]
        if inside:
            try:
                work(root, id)
                outcome.done += inside
            except LiveLoraError as error:
                outcome.problems.append(str(error))
    if not outcome.done and not outcome.problems:
        raise FileError("gone", id, "there is no such deletion: it was undone or purged")
    return outcome
