"""Another preview for a file: beside it, before all others; the last one is kept, by a name.

A picture is shown in the place of a video, too; a video plays over the picture that there is.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import FileError
from . import atomic, video
from .lora_file import LoraFile
from .preview import LARGEST, PREVIEWS, Picture, has_decoder, media_type, thumbnail

UNDECODED = "image/avif"  # older Pillows cannot read it, browsers can
SUFFIX = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/avif": ".avif",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
}


def keep_preview(entry: LoraFile, content: bytes) -> None:
    """Writes `x.preview.png` (or what kind it is). A picture that programs would show before it
    becomes `x.before.png`. FileError for what is no picture, or cannot be written.
    """
    kind = media_type(content) or video.media_type(content[: video.BEGINNING])
    if kind is None or len(content) > LARGEST:
        reason = f"is not a picture or video of up to {LARGEST:,} bytes that a page can show"
        raise FileError("preview", entry.path, reason)
    ending = f".preview{SUFFIX[kind]}"
    if ending in video.NAMES:
        hidden = video.NAMES[: video.NAMES.index(ending) + 1]
    else:
        _demand_whole(entry, Picture(content, kind))
        hidden = (*PREVIEWS[: PREVIEWS.index(ending) + 1], *video.NAMES)
    try:
        for before in hidden:
            _put_aside(entry.path.with_name(entry.stem + before), entry.stem)
        atomic.replace(entry.path.with_name(entry.stem + ending), content)
    except OSError as error:
        reason = f"its preview cannot be written: {error.strerror or error}"
        raise FileError("place", entry.path, reason) from error


def _demand_whole(entry: LoraFile, picture: Picture) -> None:
    """FileError for what only begins as a picture, and for one that would take all memory."""
    try:
        small = thumbnail(picture)
    except ValueError as error:
        raise FileError("preview", entry.path, f"cannot be shown: {error}") from error
    if small is picture and picture.media_type != UNDECODED and has_decoder():
        raise FileError("preview", entry.path, "is a broken picture: choose another one")


def _put_aside(picture: Path, stem: str) -> None:
    """Its name goes where the file goes (bulk/companions.py); the one before it is forgotten."""
    if picture.is_file():
        picture.replace(picture.with_name(f"{stem}.before{picture.suffix}"))
