"""The user's sets: one file that is never made anew, with the sets' pictures beside it.

What cannot be read is left as it is, for somebody to repair: nothing is written then.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ...errors import FileError
from .. import atomic, preview
from ..bulk.exclusive import locked
from .lora_set import LoraSet, set_of, written

FILE = "sets.json"
PICTURES = "set pictures"
MOST = 10_000
LARGEST = 64 << 20  # bytes
LARGEST_PICTURE = 16 << 20
FORMAT = "live lora sets"
ID_DIGITS = 16


class SetStore:
    """Sets by id, in a folder of our data. Threads and several programs may share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE
        self._lock = threading.Lock()

    def all(self) -> list[LoraSet]:
        """Every set, the oldest first. FileError."""
        return list(self._read().values())

    def get(self, id: str) -> LoraSet:
        """One set. FileError if there is none."""
        found = self._read().get(id)
        if found is None:
            raise FileError("gone", id, "there is no such set: refresh the list")
        return found

    def add(self, sets: Iterable[LoraSet]) -> list[str]:
        """Keeps sets and gives their ids; the same set twice is one. FileError."""
        added = {one.id: one for one in sets}
        self._change(lambda known: {**known, **added})
        return list(added)

    def replace(self, id: str, new: LoraSet) -> str:
        """Puts another set in the place of one, which keeps its picture; its new id. FileError."""
        self.get(id)
        self._change(lambda known: _replaced(known, id, new))
        picture = self.picture(id)
        if picture is not None and new.id != id:
            self.keep_picture(new.id, picture)
            self._picture_path(id).unlink(missing_ok=True)
        return new.id

    def remove(self, id: str) -> None:
        """Forgets a set and its picture. FileError."""
        self.get(id)
        self._change(lambda known: {key: one for key, one in known.items() if key != id})
        self._picture_path(id).unlink(missing_ok=True)

    def exported(self) -> dict[str, Any]:
        """All sets as JSON for another library. FileError."""
        return {FORMAT: 1, "sets": [written(one) for one in self.all()]}

    def imported(self, content: Any) -> list[str]:
        """Adds the sets of an export, or none. ValueError for what is no export; FileError."""
        if not isinstance(content, dict) or content.get(FORMAT) != 1:
            raise ValueError(f'this is no file of sets: it has no "{FORMAT}": 1')
        found = content.get("sets")
        if not isinstance(found, list) or len(found) > MOST:
            raise ValueError(f"a file of sets has a list of up to {MOST:,} of them")
        return self.add([set_of(one) for one in found])

    def picture(self, id: str) -> bytes | None:
        """The picture of a set, if it has one that a page may show."""
        try:
            content = self._picture_path(id).read_bytes()
        except (OSError, FileError):
            return None
        return content if preview.media_type(content) else None

    def keep_picture(self, id: str, content: bytes) -> None:
        """Keeps a picture (PNG, JPEG, WebP, GIF, AVIF) of a set. FileError."""
        self.get(id)
        if len(content) > LARGEST_PICTURE or preview.media_type(content) is None:
            reason = f"is not a picture of up to {LARGEST_PICTURE:,} bytes that a page can show"
            raise FileError("preview", id, reason)
        path = self._picture_path(id)
        self._write(path, content)

    def _picture_path(self, id: str) -> Path:
        if len(id) != ID_DIGITS or not set(id) <= set("0123456789abcdef"):
            raise FileError("gone", id, "there is no such set")
        return self._folder / PICTURES / id

    def _read(self) -> dict[str, LoraSet]:
        try:
            with self._path.open("rb") as file:
                found = json.loads(file.read(LARGEST))["sets"]
            if type(found) is not list:
                raise ValueError("there is no list of sets in it")
            sets = [set_of(one) for one in found]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise FileError("unreadable", self._path, f"{error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            reason = f"is not as it was written ({error}): repair it, or put it away"
            raise FileError("damaged", self._path, reason) from error
        return {one.id: one for one in sets}

    def _change(self, change: Callable[[dict[str, LoraSet]], dict[str, LoraSet]]) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._lock, locked(self._folder / f".{FILE}.lock"):
                sets = change(self._read())
                if len(sets) > MOST:
                    raise FileError("place", self._path, f"has room for {MOST:,} sets")
                content = {FORMAT: 1, "sets": [written(one) for one in sets.values()]}
                self._write(self._path, json.dumps(content, indent=1).encode())
        except OSError as error:
            raise _unwritten(self._path, error) from error

    def _write(self, path: Path, content: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.replace(path, content)
        except OSError as error:
            raise _unwritten(path, error) from error


def _replaced(known: dict[str, LoraSet], id: str, new: LoraSet) -> dict[str, LoraSet]:
    """In the same place of the list."""
    return {(new.id if key == id else key): (new if key == id else known[key]) for key in known}


def _unwritten(path: Path, error: OSError) -> FileError:
    return FileError("place", path, f"cannot be written: {error.strerror or error}")
