"""The picture of a LoRA: a file beside it, or the cover inside its metadata; and its thumbnail."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from ..errors import FileError
from .atomic import replace
from .header import Unsound, open_file, refusal
from .lora_file import LoraFile
from .scan import PICTURES
from .training import COVER
from .walk import Stat, is_within

if TYPE_CHECKING:
    from PIL.Image import Image

PREVIEWS = tuple(dot + suffix for suffix in PICTURES for dot in ("", ".preview"))
THUMBNAIL = (384, 576)  # pixels, at most
QUALITY = 80
LARGEST = 64 << 20  # bytes of a picture that are read
MOST_DECODED = 100 << 20  # bytes of a decoded picture: 26 megapixels with an alpha channel
AT_ONCE = BoundedSemaphore(1)  # decoded at the same time, whatever number of cards is in sight
MAGIC: tuple[tuple[bytes, int, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF87a", 0, "image/gif"),
    (b"GIF89a", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"ftypavif", 4, "image/avif"),
    (b"ftypavis", 4, "image/avif"),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of a picture and what they are: never what a file's name says, never SVG."""

    content: bytes
    media_type: str


def version(entry: LoraFile) -> int | None:
    """A number that changes with the picture; None if there is none, as far as is known."""
    found = _beside(entry)
    if found is not None:
        return zlib.crc32(repr(found).encode()) or 1
    summary = entry.facts.known_summary(entry)
    return zlib.crc32(repr(entry.identity[1:]).encode()) or 1 if summary and summary.cover else None


def read(entry: LoraFile, roots: Iterable[Path]) -> Picture:
    """The picture of the LoRA. FileError if there is none that may be shown.

    A link is followed only to the library folders (`roots`) and the folder the LoRA is in.
    """
    found = _beside(entry)
    if found is None:
        return _picture(entry.path, _cover(entry))
    path = entry.folder.path / found[0]
    if not is_within(path, (*roots, entry.folder.path)):
        raise FileError("preview", path, "it is a link that leads out of the library")
    try:
        with open_file(path) as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError, Unsound) as error:
        raise refusal(path, error) from error
    if len(content) > LARGEST:
        raise FileError("preview", path, f"it is larger than {LARGEST:,} bytes")
    return _picture(path, content)


def media_type(content: bytes) -> str | None:
    """What kind of picture these bytes begin; None if they are none that a page may show."""
    found = (kind for magic, at, kind in MAGIC if content[at : at + len(magic)] == magic)
    return next(found, None)


def has_decoder() -> bool:
    """Whether there is Pillow, which makes thumbnails and knows a broken picture."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError:
        return False
    return True


def thumbnail(picture: Picture) -> Picture:
    """A small WebP without metadata; the picture itself where Pillow is missing or cannot read it.

    ValueError if it has so many pixels that reading it could take all memory.
    """
    try:
        from PIL import Image
    except ImportError:
        return picture
    try:
        with AT_ONCE:
            image = Image.open(io.BytesIO(picture.content))
            image.draft("RGB", THUMBNAIL)  # JPEGs are decoded small at once
            decoded = image.width * image.height * len(image.getbands())
            small = _shrunk(image) if decoded <= MOST_DECODED else b""
    except Image.DecompressionBombError as error:
        raise ValueError("it has too many pixels") from error
    except Exception:  # Pillow's decoders raise whatever a broken picture leads them to
        return picture
    if not small:
        raise ValueError("it has too many pixels")
    return Picture(small, "image/webp")


def cached_thumbnail(entry: LoraFile, roots: Iterable[Path], cache: Path | None) -> Picture:
    """The thumbnail, from the cache folder if it was made before. FileError."""
    kept = cache / "thumbnails" / f"{entry.id}-{version(entry)}.webp" if cache else None
    if kept and kept.exists():
        with contextlib.suppress(OSError, FileError):
            return _picture(kept, kept.read_bytes())
    try:
        small = thumbnail(read(entry, roots))
    except ValueError as error:
        raise FileError("preview", entry.path, f"its picture cannot be shown: {error}") from error
    if kept and small.media_type == "image/webp":
        _keep(kept, small.content)
    return small


def _beside(entry: LoraFile) -> tuple[str, Stat] | None:
    """Name and stat of the first picture file, in the webui's order."""
    files, stem = entry.folder.files, entry.stem
    for suffix in PREVIEWS:
        if stat := files.get(stem + suffix):
            return stem + suffix, stat
    return None


def _cover(entry: LoraFile) -> bytes:
    """The first picture in the metadata, b"" if there is none."""
    try:
        covers = json.loads(entry.metadata.get(COVER, "[]"))
        return base64.b64decode(covers[0])
    except (ValueError, LookupError, TypeError, RecursionError):
        return b""


def _picture(path: Path, content: bytes) -> Picture:
    kind = media_type(content)
    if kind is None:
        raise FileError("preview", path, "there is no picture that can be shown")
    return Picture(content, kind)


def _shrunk(image: Image) -> bytes:
    """The picture as WebP, upright and within THUMBNAIL."""
    from PIL import ImageOps

    small = ImageOps.exif_transpose(image)
    small.thumbnail(THUMBNAIL)
    clear = "A" in small.getbands() or "transparency" in small.info
    out = io.BytesIO()
    small.convert("RGBA" if clear else "RGB").save(out, "WEBP", quality=QUALITY)
    return out.getvalue()


def _keep(file: Path, content: bytes) -> None:
    """Into the cache, in place of the thumbnails of earlier pictures; no room is no error."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        for old in file.parent.glob(f"{file.name.partition('-')[0]}-*.webp"):
            old.unlink(missing_ok=True)
        replace(file, content)
