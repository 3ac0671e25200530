"""The user's own tags of a file: under our key in its `.json`, all else there as it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ...errors import FileError
from .. import sidecar

MOST = 200
LONGEST = 100  # characters


def change_tags(path: Path, add: Iterable[str], remove: Iterable[str]) -> None:
    """Adds tags to those of the LoRA at `path`, and takes others away. FileError."""
    gone = {one.casefold() for one in remove}
    kept = [one for one in sidecar.read(path).tags if one.casefold() not in gone]
    known = {one.casefold() for one in kept}
    new = [one for one in clean(path, add) if one.casefold() not in known]
    tags = [*kept, *dict.fromkeys(new)]
    if len(tags) > MOST:
        raise FileError("sidecar", path, f"has room for {MOST} tags")
    sidecar.write_own(path, {"tags": tags})


def clean(path: Path, tags: Iterable[str]) -> Sequence[str]:
    """Tags without blanks around them; FileError for what is none."""
    found = [" ".join(tag.split()) for tag in tags]
    for tag in found:
        if not tag or len(tag) > LONGEST or not tag.isprintable():
            raise FileError("sidecar", path, f"{tag[:50]!r} is no tag of 1 to {LONGEST} characters")
    return found
