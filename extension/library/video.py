"""The moving preview of a LoRA: a video beside it. It is told by its bytes, never by its name, and
sent in parts, as browsers ask for it; nothing here decodes one.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import FileError
from . import preview
from .header import Unsound, open_file, refusal
from .lora_file import LoraFile
from .scan import VIDEOS
from .walk import is_within

NAMES = tuple(dot + suffix for suffix in VIDEOS for dot in ("", ".preview"))
BEGINNING = 64  # bytes that tell what a file is
BRANDS = (  # of MP4 files that browsers may play; ISO's boxes hold other things, too
    *(b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV"),
    *(b"dash", b"mmp4", b"av01", b"f4v "),
)
EBML = b"\x1a\x45\xdf\xa3"


@dataclass(frozen=True, slots=True)
class OpenMedia:
    """A picture or video, open for reading; `tag` differs for other bytes."""

    file: BinaryIO
    size: int
    media_type: str
    tag: str


def version(entry: LoraFile) -> int | None:
    """A number that changes with the video; None if there is none."""
    found = name_of(entry)
    stat = entry.folder.files[found] if found else None
    return zlib.crc32(repr((found, stat)).encode()) or 1 if found else None


def name_of(entry: LoraFile) -> str | None:
    """The first video file beside it, as the last scan saw it."""
    files, stem = entry.folder.files, entry.stem
    return next((stem + one for one in NAMES if stem + one in files), None)


def media_type(beginning: bytes) -> str | None:
    """What kind of video these bytes begin; None if it is none that a page may show."""
    if beginning[4:8] == b"ftyp" and beginning[8:12] in BRANDS:
        return "video/mp4"
    if beginning.startswith(EBML) and b"webm" in beginning[:BEGINNING]:
        return "video/webm"
    return None


def open_video(entry: LoraFile, roots: Iterable[Path]) -> OpenMedia:
    """The video beside a LoRA. FileError if there is none that may be shown."""
    name = name_of(entry)
    if name is None:
        raise FileError("preview", entry.path, "there is no video beside it")
    found = open_media(entry.folder.path / name, (*roots, entry.folder.path))
    if not found.media_type.startswith("video/"):
        found.file.close()
        raise FileError("preview", entry.path, "there is no video that can be shown")
    return found


def open_media(path: Path, roots: Iterable[Path]) -> OpenMedia:
    """A picture or video; a link is followed only into `roots`. FileError. The caller closes it."""
    if not is_within(path, roots):
        raise FileError("preview", path, "it is a link that leads out of the library")
    try:
        file = open_file(path)
    except (OSError, ValueError, Unsound) as error:
        raise refusal(path, error) from error
    try:
        stat = os.fstat(file.fileno())
        first = file.read(BEGINNING)
        kind = preview.media_type(first) or media_type(first)
        if kind is None:
            raise FileError("preview", path, "there is nothing that can be shown")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return OpenMedia(file, stat.st_size, kind, f"{stat.st_size:x}-{stat.st_mtime_ns:x}")
