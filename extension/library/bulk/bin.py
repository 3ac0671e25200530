"""Deleted files: out of sight in `.live-lora-bin` of their library folder, until they are purged.

Each deletion has a folder of its own there, in which a file keeps its place: undoing it is a move.
"""

from __future__ import annotations

import re
import secrets
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ...errors import FileError
from ..lora_file import MODELS, PICKLES
from ..walk import BIN
from .moves import move

ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Deleted:
    """A LoRA in the bin: `id` of the deletion, `relative` (posix) where it was, size in bytes."""

    id: str
    relative: str
    size: int


def delete(model: Path, root: Path, id: str | None = None) -> Deleted:
    """Moves a LoRA of this library folder, and all beside it, into the bin. FileError."""
    id = id or new_id()
    relative = model.relative_to(root)
    size = model.stat().st_size if model.exists() else 0
    move(model, root / BIN / id / relative, root)
    return Deleted(id, relative.as_posix(), size)


def new_id() -> str:
    """For one deletion, of any number of files."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def deleted(root: Path) -> list[Deleted]:
    """What is in the bin, the latest first."""
    found = []
    for folder in sorted(_folders(root), reverse=True):
        for path in sorted(folder.rglob("*")):
            if path.name.lower().endswith(MODELS + PICKLES) and path.is_file():
                relative = path.relative_to(folder).as_posix()
                found.append(Deleted(folder.name, relative, path.stat().st_size))
    return found


def restore(root: Path, id: str) -> list[str]:
    """Brings back every file of one deletion; gives their places. FileError."""
    folder = _folder(root, id)
    places = [one.relative for one in deleted(root) if one.id == id]
    for relative in places:
        move(folder / relative, root / relative, root)
    _remove_empty(folder)
    return places


def purge(root: Path, id: str) -> None:
    """Removes the files of one deletion for good. FileError."""
    try:
        shutil.rmtree(_folder(root, id))
    except OSError as error:
        raise FileError("place", id, f"cannot be removed: {error.strerror or error}") from error


def _folders(root: Path) -> list[Path]:
    try:
        return [one for one in (root / BIN).iterdir() if ID.fullmatch(one.name) and one.is_dir()]
    except OSError:
        return []


def _folder(root: Path, id: str) -> Path:
    folder = root / BIN / id
    if not ID.fullmatch(id) or folder.is_symlink() or not folder.is_dir():
        raise FileError("gone", id, "there is no such deletion: it was undone or purged")
    return folder


def _remove_empty(folder: Path) -> None:
    for inner in sorted(folder.rglob("*"), reverse=True):
        if inner.is_dir() and not any(inner.iterdir()):
            inner.rmdir()
    if not any(folder.iterdir()):
        folder.rmdir()
