"""Moves that a power cut cannot leave half done.

First all that stands beside a LoRA comes to stand in the new place too, then the LoRA; then it is
taken from the old place, and the rest after it. So at every moment there is a place where all is
together. A journal, written before, lets the next start take away what is double: in the old place
once the LoRA is in the new one, before that in the new place. Nothing is removed without a look
whether its twin is there.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import FileError
from ..walk import BIN
from .companions import companions
from .exclusive import exclusive
from .placing import place, sync_folder

JOURNALS = ".moves"
COARSE = 2_000_000_000  # ns: some file systems keep no finer times


@dataclass(frozen=True, slots=True)
class Step:
    """One file of a move; `shared` ones stay in the old place, too."""

    source: Path
    target: Path
    size: int
    mtime_ns: int
    shared: bool = False

    @classmethod
    def of(cls, source: Path, target: Path, shared: bool = False) -> Step:
        """With what tells that a file in the new place is this one. OSError."""
        stat = source.stat()
        return cls(source, target, stat.st_size, stat.st_mtime_ns, shared)

    def is_there(self, path: Path) -> bool:
        """Whether this file stands at `path`, which is its old or its new place."""
        try:
            stat = path.stat()
        except OSError:
            return False
        return stat.st_size == self.size and abs(stat.st_mtime_ns - self.mtime_ns) <= COARSE


def move(model: Path, target: Path, root: Path) -> None:
    """Moves a LoRA and all that stands beside it to a path that is free; FileError.

    Where that fails all is as before, or at the next `recover(root)`. The journal is in `root`.
    """
    try:
        with exclusive(root):
            steps = _steps(model, target)
            if taken := [step for step in steps if _is_taken(step)]:
                reason = f"was not moved: there is a {taken[0].target.name} already"
                raise FileError("place", model, reason)
            _carry_out(steps, root)
    except OSError as error:
        raise FileError("place", model, f"was not moved: {error.strerror or error}") from error


def recover(root: Path) -> None:
    """Ends what a power cut has interrupted in this library folder. Never raises."""
    folder = root / BIN / JOURNALS
    if not folder.is_dir():
        return
    with contextlib.suppress(OSError, FileError), exclusive(root):
        for journal in folder.glob("*.json"):
            steps = _read(journal)
            with contextlib.suppress(OSError):
                _settle_up(steps, journal.stem)
                journal.unlink()


def _steps(model: Path, target: Path) -> list[Step]:
    """The LoRA comes last."""
    beside = [
        Step.of(one.path, target.with_name(target.stem + one.suffix), one.shared)
        for one in companions(model)
    ]
    return [*beside, Step.of(model, target)]


def _is_taken(step: Step) -> bool:
    """Another file is there; another spelling of the same name is none, on some systems."""
    if not (step.target.exists() or step.target.is_symlink()):
        return False
    return not (
        step.source.parent == step.target.parent
        and step.source.name.lower() == step.target.name.lower()
        and step.target.samefile(step.source)
    )


def _carry_out(steps: list[Step], root: Path) -> None:
    folder = steps[-1].target.parent
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    journal = _write_journal(steps, root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, step in enumerate(steps):
            _place(step, _spare(step, journal.stem, number))
        sync_folder(folder)
    finally:
        _settle_up(steps, journal.stem)
        journal.unlink()  # not where settling has failed: then it is for the next `recover`
        if not steps[-1].target.exists():
            for one in made:
                with contextlib.suppress(OSError):
                    one.rmdir()


def _place(step: Step, spare: Path) -> None:
    if step.target.exists():  # the same file, spelled otherwise
        step.source.rename(step.target)
    else:
        place(step.source, step.target, spare)


def _settle_up(steps: list[Step], id: str) -> None:
    """What is double is taken away, on the side that the LoRA is not on. OSError."""
    if not steps:
        return
    arrived = steps[-1].is_there(steps[-1].target)
    for number, step in enumerate(steps):
        _spare(step, id, number).unlink(missing_ok=True)
    for step in reversed(steps) if arrived else steps:
        goes, stays = (step.source, step.target) if arrived else (step.target, step.source)
        same_name = goes.parent == stays.parent and goes.name.lower() == stays.name.lower()
        if not same_name and not (arrived and step.shared) and _is_double(step, goes, stays):
            goes.unlink()
    sync_folder(steps[-1].source.parent)


def _is_double(step: Step, goes: Path, stays: Path) -> bool:
    return step.is_there(goes) and step.is_there(stays)


def _spare(step: Step, id: str, number: int) -> Path:
    return step.target.with_name(f".live-lora-{id}-{number}")


def _write_journal(steps: Iterable[Step], root: Path) -> Path:
    folder = root / BIN / JOURNALS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{secrets.token_hex(8)}.json"
    spare = path.with_suffix(".part")
    with spare.open("x", encoding="ascii") as file:
        json.dump([_line(step) for step in steps], file)
        file.flush()
        os.fsync(file.fileno())
    spare.rename(path)
    sync_folder(folder)
    return path


def _line(step: Step) -> list[Any]:
    return [os.fspath(step.source), os.fspath(step.target), step.size, step.mtime_ns, step.shared]


def _read(journal: Path) -> list[Step]:
    """What was to be moved; nothing where that is not readable, or has no such form."""
    try:
        lines = json.loads(journal.read_text(encoding="ascii"))
        return [
            Step(Path(source), Path(target), int(size), int(mtime), bool(shared))
            for source, target, size, mtime, shared in lines
        ]
    except (OSError, ValueError, TypeError):
        return []
