"""The sets in a file: an export, a recipe, a picture with its text, or the text alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from ..errors import FileError
from ..library.sets.lora_set import LoraSet, set_of
from ..library.sets.recipes import recipe_of
from ..library.sets.set_store import FORMAT
from ..session.sets_in_text import set_in

LARGEST = 64 << 20  # bytes
EXIF, USER_COMMENT = 0x8769, 0x9286
ENCODINGS = {b"UNICODE\0": "utf-16-be", b"ASCII\0\0\0": "utf-8", b"\0" * 8: "utf-8"}


def sets_in(path: Path, name: str = "") -> Sequence[LoraSet]:
    """All sets of a file; `name` is what a single one is to be called. FileError."""
    try:
        text = _text(path)
        try:
            content = json.loads(text)
        except ValueError:
            return [set_in(text, name)]
        return _of_json(content)
    except OSError as error:
        raise FileError("unreadable", path, f"{error.strerror or error}") from error
    except (ValueError, RecursionError, Image.DecompressionBombError) as error:
        raise FileError("other-file", path, str(error)) from error


def _of_json(content: Any) -> Sequence[LoraSet]:
    if isinstance(content, dict) and FORMAT in content:
        found = content.get("sets")
        return [set_of(one) for one in found] if isinstance(found, list) else []
    return [recipe_of(content)]


def _text(path: Path) -> str:
    try:
        with Image.open(path) as picture:
            return description(picture)
    except UnidentifiedImageError:
        with path.open("rb") as file:
            return file.read(LARGEST).decode("utf-8-sig")


def description(picture: Image.Image) -> str:
    """What the programs that make pictures write into them; the pixels are not decoded."""
    text = picture.info.get("parameters")
    if isinstance(text, str):
        return text
    comment: str | bytes = picture.getexif().get_ifd(EXIF).get(USER_COMMENT, b"")
    if isinstance(comment, str):
        return comment
    encoding = ENCODINGS.get(comment[:8])
    return (comment[8:] if encoding else comment).decode(encoding or "utf-8", "replace")
