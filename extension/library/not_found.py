"""Why a name leads to no file: removed, not hashed yet, a pickle, no files at all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import UnknownName
from .lora_file import PICKLES
from .scan import Snapshot


@dataclass(frozen=True, slots=True)
class Search:
    """Where a name was looked for; `pickles`: whether they are listed, `unhashed`: how many files
    have no known hash."""

    snapshot: Snapshot
    roots: Sequence[Path]
    pickles: bool
    unhashed: int

    def failed(self, name: str, hash: str | None, *, was_there: bool) -> UnknownName:
        """The error, with the nearest names and all that may be the cause."""
        notes = []
        if was_there:
            notes.append("(it was there, and has been removed)")
        if hash is not None:
            notes.append(f"and none is known to have the hash {hash}{self.unhashed_note}")
        if pickled := self._pickled(name):
            notes.append(
                f"({pickled} is there: pickles can run code, and are read only where that is "
                "allowed: allow_pickle=True, or the webui's setting)"
            )
        elif not self.snapshot.entries:
            places = " or ".join(repr(folder.name) for folder in self.roots) or "any folder"
            notes.append(f"(there are no LoRA files in {places})")
        return UnknownName(name, self.snapshot.names.nearest(name), " ".join(notes))

    @property
    def unhashed_note(self) -> str:
        """That the hash may be one that nobody has computed yet."""
        count = len(self.snapshot.entries)
        return f" ({self.unhashed} of {count} files are not hashed yet)" if self.unhashed else ""

    def _pickled(self, name: str) -> str | None:
        """The file of this name that would be found if pickles were listed."""
        if self.pickles:
            return None
        stem = PurePosixPath(name).name
        files = (one.path / f"{stem}{end}" for one in self.snapshot.folders for end in PICKLES)
        with suppress(ValueError, OSError):  # a NUL, or a name too long for the disk
            return next((file.name for file in files if file.is_file()), None)
        return None
