"""A LoRA that a page sends: checked, and never in place of another file."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from ..errors import FileError
from . import header
from .bulk.file_names import demand_folder, free, safe_stem
from .bulk.placing import demand_room, settle, sync_folder
from .walk import is_within

ENDING = ".safetensors"
LARGEST = 8 << 30  # bytes of a LoRA


@dataclass(frozen=True, slots=True)
class Arrival:
    """A LoRA on its way: written into `spare`, a hidden file beside its place."""

    stem: str
    spare: Path

    def finish(self) -> Path:
        """Checks what came and gives it its name, with a number where that is taken. FileError."""
        try:
            header.read(self.spare)
            target = free(self.spare.with_name(self.stem + ENDING))
            settle(self.spare, target)
            sync_folder(target.parent)
        except OSError as error:
            reason = f"cannot be stored: {error.strerror or error}"
            raise FileError("place", self.stem + ENDING, reason) from error
        except FileError as error:
            raise FileError(error.code or "damaged", self.stem + ENDING, error.reason) from error
        return target


def expect(root: Path, folder: str, name: str, size: int) -> Arrival:
    """Gets ready for a file of `size` bytes that is called `name`. FileError.

    `folder` is one of the library folder `root`, "" for that itself; nothing leads out of it.
    """
    if not name.lower().endswith(ENDING):
        raise FileError("place", name or "''", f"is no LoRA: send a {ENDING} file")
    place = root / demand_folder(folder)
    if not place.is_dir() or not is_within(place, [root]):
        raise FileError("place", folder, "there is no such folder in the library")
    demand_room(place, size)
    stem = safe_stem(name[: -len(ENDING)])
    return Arrival(stem, place / f".live-lora-{secrets.token_hex(8)}.part")


def demand_beginning(name: str, first: bytes) -> None:
    """FileError where these first bytes are no safetensors file's: the rest need not come."""
    if len(first) < 8:
        return
    length = int.from_bytes(first[:8], "little")
    if not 0 < length <= header.LONGEST or first[8:].lstrip()[:1] not in (b"", b"{"):
        raise FileError("other-file", name, "this is not a safetensors file")
