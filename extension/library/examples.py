"""The pictures that a site shows of a LoRA: how they were made, where they are, and those that are
here. An address is only told; nothing is fetched from it unless somebody asks (civitai/lookup.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import FileError
from .lora_file import LoraFile
from .scan import PICTURES, VIDEOS
from .video import OpenMedia, open_media
from .walk import is_within

MIDDLE = ".example-"  # `x.example-1.jpg` is the first one of `x`
MOST = 10


def names_of(stem: str, number: int) -> Iterator[str]:
    """What the file of an example (from 1) may be called, beside the LoRA."""
    for suffix in (*PICTURES, *VIDEOS):
        yield f"{stem}{MIDDLE}{number}{suffix}"


def told(
    entry: LoraFile, examples: Sequence[Mapping[str, Any]], roots: Sequence[Path]
) -> list[dict[str, Any]]:
    """The examples as a page shows them: no path, but whether the `local` file is "image" or
    "video". Files beside the LoRA that no sidecar tells of stand at the end."""
    found = [
        {**one, **_here(entry, number, one, roots)} for number, one in enumerate(examples, start=1)
    ]
    for one in found:
        if "://" not in one.get("address", ""):
            one.pop("address", None)
    more = ({**_here(entry, n, {}, roots)} for n in range(len(found) + 1, MOST + 1))
    return [*found, *(one for one in more if one)]


def open_example(
    entry: LoraFile, examples: Sequence[Mapping[str, Any]], number: int, roots: Sequence[Path]
) -> OpenMedia:
    """The local file of the example (from 1). FileError."""
    one = examples[number - 1] if 0 < number <= len(examples) else {}
    path = _file(entry, number, one, roots)
    if path is None:
        raise FileError("preview", entry.path, "there is no such example here")
    return open_media(path, (*roots, entry.folder.path))


def _here(
    entry: LoraFile, number: int, one: Mapping[str, Any], roots: Sequence[Path]
) -> dict[str, Any]:
    path = _file(entry, number, one, roots)
    if path is None:
        return {}
    return {"number": number, "local": "video" if path.suffix.lower() in VIDEOS else "image"}


def _file(
    entry: LoraFile, number: int, one: Mapping[str, Any], roots: Sequence[Path]
) -> Path | None:
    """Beside the LoRA by its number, or where its sidecar says, if that is in the library."""
    files = entry.folder.files
    name = next((name for name in names_of(entry.stem, number) if name in files), None)
    if name is not None:
        return entry.folder.path / name
    address = one.get("address", "")
    if not address or "://" in address or "\0" in address:
        return None
    path = entry.folder.path / PurePosixPath(address.replace("\\", "/"))
    inside = is_within(path, (*roots, entry.folder.path))
    shown = path.suffix.lower() in (*PICTURES, *VIDEOS)
    return path if shown and inside and path.is_file() else None
