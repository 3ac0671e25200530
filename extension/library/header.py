"""The header of a safetensors file, checked before anything in it is believed; no tensor is read.

Format: u64 little-endian n, then n bytes of JSON, then the tensors' bytes without a gap.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from ..errors import FileError
from . import lookalikes
from .rules import (
    AGAIN,
    TensorInfo,
    Unsound,
    check_layout,
    cut,
    demand_text,
    is_metadata,
    metadata,
    parse,
    tensor,
)

__all__ = [
    "Header",
    "TensorInfo",
    "Unsound",
    "leading_metadata",
    "measured",
    "open_file",
    "parsed",
    "read",
    "read_metadata",
    "refusal",
    "stamp_of",
]

LONGEST = 100_000_000  # bytes of JSON; safetensors' own limit
FIRST_READ = 1 << 16  # enough for most metadata
METADATA = re.compile(r'\{\s*"__metadata__"\s*:\s*')


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says it holds: tensors by key, metadata, and where the tensors' bytes begin.

    `stamp` tells the file that it was read from, None where nobody knows.
    """

    tensors: Mapping[str, TensorInfo] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    data_start: int = 8
    stamp: tuple[int, int] | None = field(default=None, compare=False)


def read(path: str | Path) -> Header:
    """The whole header; FileError with the reason and the next step if it is unsound."""
    try:
        with open_file(path) as file:
            size, length = measured(file)
            return replace(parsed(file.read(length), size), stamp=stamp_of(file))
    except (OSError, ValueError, Unsound) as error:
        raise refusal(path, error) from error


def read_metadata(path: str | Path) -> dict[str, str]:
    """The metadata alone, from the first bytes where it stands first, as safetensors writes it.

    Cheap enough for an index of thousands of files. The tensors are not checked, so this is good
    for showing and naming a file, not for using it. FileError as `read`.
    """
    try:
        with open_file(path) as file:
            size, length = measured(file)
            text = file.read(min(length, FIRST_READ))
            found = leading_metadata(text)
            if found is not None:
                return found[0]
            return dict(parsed(text + file.read(length - len(text)), size).metadata)
    except (OSError, ValueError, Unsound) as error:
        raise refusal(path, error) from error


def open_file(path: str | Path) -> BinaryIO:
    """The file, open for reading; refuses pipes and folders, whose opening could wait for ever."""
    path = Path(path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise Unsound("this is not a regular file", "unreadable")
    return path.open("rb")


def stamp_of(file: BinaryIO) -> tuple[int, int]:
    """Size and mtime in ns of an open file: where they are the same, so are the bytes."""
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns


def refusal(path: str | Path, error: Exception) -> FileError:
    """Why a file could not be read, with the next step."""
    if isinstance(error, FileNotFoundError):
        reason = "the file is gone: it was removed or renamed; refresh the list"
        return FileError("gone", path, reason)
    if isinstance(error, PermissionError):
        reason = "no permission to read the file: change its permissions"
        return FileError("unreadable", path, reason)
    if isinstance(error, OSError):
        reason = f"the disk cannot read it: {error.strerror or error}"
        return FileError("unreadable", path, reason)
    code = error.code if isinstance(error, Unsound) else "unreadable"
    return FileError(code, path, str(error))


def measured(file: BinaryIO) -> tuple[int, int]:
    """Size of the file and length n of its JSON, checked before n bytes are asked for."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(512)
    length = int.from_bytes(start[:8], "little")
    if size < 8 or not 0 < length <= min(LONGEST, size - 8):
        raise _no_length(start, length, size)
    file.seek(8)
    return size, length


def _no_length(start: bytes, length: int, size: int) -> Unsound:
    """Why the first 8 bytes are no length of a header."""
    if other := lookalikes.refusal(start):
        return other
    if size < 8:
        return Unsound(f"it has {size} bytes, too few for a safetensors file: {AGAIN}")
    if not 0 < length <= LONGEST:
        reason = f"this is not a safetensors file, whatever its name says: {AGAIN}"
        return Unsound(reason, "other-file")
    return Unsound(cut(8 + length, size, "its header alone needs"))


def parsed(raw: bytes, size: int) -> Header:
    """The checked header; `raw` is all the JSON, `size` that of the file. Unsound."""
    content, data_start = parse(raw), 8 + len(raw)
    tensors = {key: tensor(key, value) for key, value in content.items() if key != "__metadata__"}
    check_layout(tensors, data_start, size)
    return Header(tensors, metadata(content), data_start)


def leading_metadata(raw: bytes) -> tuple[dict[str, str], int] | None:
    """The metadata and the byte they end at, if the JSON starts with them and they lie in `raw`."""
    text = raw.decode("utf-8", errors="replace")
    start = METADATA.match(text)
    if start is None:
        return None
    try:
        found, end = json.JSONDecoder().raw_decode(text, start.end())
        demand_text(text[:end], found)
    except (ValueError, RecursionError):
        return None
    complete = text[end:].lstrip()[:1] in (",", "}") and "\ufffd" not in text[:end]
    if not complete or not is_metadata(found):
        return None
    return found, len(text[:end].encode())
