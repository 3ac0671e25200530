"""The header of a safetensors file, checked before anything in it is believed; no tensor is read.

Format: u64 little-endian n, then n bytes of JSON, then the tensors' bytes without a gap. The rules
are those of safetensors 0.8.0 (github.com/huggingface/safetensors, `Metadata::validate`), so that
what passes here can be opened there.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeGuard

from ..errors import FileError
from .lookalikes import what_it_is

BITS: Mapping[str, int] = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 8),
    **dict.fromkeys(("F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
LONGEST = 100_000_000  # bytes of JSON; safetensors' own limit
DEEPEST = 127  # levels of JSON; serde_json's own limit
FIRST_READ = 1 << 16  # enough for most metadata
METADATA = re.compile(r'\{\s*"__metadata__"\s*:\s*')
AGAIN = "download or copy it again"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor; `start` and `end` count bytes from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says it holds: tensors by key, metadata, and where the tensors' bytes begin."""

    tensors: Mapping[str, TensorInfo] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    data_start: int = 8


class Unsound(Exception):
    """A rule of the format is broken; becomes a FileError that names the file."""


class Repeated(dict[str, Any]):
    """A JSON object that has some key twice; the last value counts."""

    keys_twice: frozenset[str] = frozenset()


def read(path: str | Path) -> Header:
    """The whole header; FileError with the reason and the next step if it is unsound."""
    try:
        with open_file(path) as file:
            size, length = _length(file)
            return _header(file.read(length), size - 8 - length)
    except (OSError, ValueError, Unsound) as error:
        raise FileError(path, reason(error)) from error


def read_metadata(path: str | Path) -> dict[str, str]:
    """The metadata alone, from the first bytes where it stands first, as safetensors writes it.

    Cheap enough for an index of thousands of files. The tensors are not checked, so this is good
    for showing and naming a file, not for using it. FileError as `read`.
    """
    try:
        with open_file(path) as file:
            size, length = _length(file)
            text = file.read(min(length, FIRST_READ))
            return _leading_metadata(text) or dict(
                _header(text + file.read(length - len(text)), size - 8 - length).metadata
            )
    except (OSError, ValueError, Unsound) as error:
        raise FileError(path, reason(error)) from error


def open_file(path: str | Path) -> BinaryIO:
    """The file, open for reading; refuses pipes and folders, whose opening could wait for ever."""
    path = Path(path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise Unsound("this is not a regular file")
    return path.open("rb")


def reason(error: Exception) -> str:
    """Why a file could not be read, as a sentence with the next step."""
    if isinstance(error, FileNotFoundError):
        return "the file is gone: it was removed or renamed; refresh the list"
    if isinstance(error, PermissionError):
        return "no permission to read the file: change its permissions"
    if isinstance(error, OSError):
        return f"the disk cannot read it: {error.strerror or error}"
    return str(error)


def _length(file: BinaryIO) -> tuple[int, int]:
    """Size of the file and length n of its JSON, checked before n bytes are asked for."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(512)
    length = int.from_bytes(start[:8], "little")
    if size < 8 or not 0 < length <= min(LONGEST, size - 8):
        raise Unsound(what_it_is(start) or _wrong_length(length, size))
    file.seek(8)
    return size, length


def _wrong_length(length: int, size: int) -> str:
    if size < 8:
        return f"it has {size} bytes, too few for a safetensors file: {AGAIN}"
    if not 0 < length <= LONGEST:
        return f"this is not a safetensors file, whatever its name says: {AGAIN}"
    return _cut(8 + length, size, "its header alone needs")


def _cut(expected: int, actual: int, what: str = "its header describes") -> str:
    return f"it is cut short: {what} {expected:,} bytes, {actual:,} are there; {AGAIN}"


def _header(raw: bytes, data_size: int) -> Header:
    content = _parse(raw)
    metadata = _metadata(content)
    tensors = {key: _tensor(key, value) for key, value in content.items() if key != "__metadata__"}
    _check_layout(tensors, data_size, 8 + len(raw))
    return Header(tensors, metadata, 8 + len(raw))


def _parse(raw: bytes) -> dict[str, Any]:
    """The JSON object; refuses what serde_json refuses and Python's json takes."""
    try:
        text = raw.decode("utf-8")
        content = json.loads(
            text.strip(" \t\r\n"), object_pairs_hook=_object, parse_constant=_refuse_constant
        )
        if "\\u" in text:
            json.dumps(content, ensure_ascii=False).encode("utf-8")  # half a surrogate pair
    except (ValueError, RecursionError) as error:
        raise Unsound(f"its header is not valid JSON ({error}): {AGAIN}") from error
    if not isinstance(content, dict):
        raise Unsound(f"its header is not a JSON object: {AGAIN}")
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) == len(pairs):
        return content
    repeated, seen = Repeated(content), set[str]()
    repeated.keys_twice = frozenset(k for k, _ in pairs if k in seen or seen.add(k))  # type: ignore[func-returns-value]
    return repeated


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _metadata(content: dict[str, Any]) -> dict[str, str]:
    metadata = content.get("__metadata__")
    if isinstance(content, Repeated) and "__metadata__" in content.keys_twice:
        raise Unsound("its header has two __metadata__ entries")
    if metadata is None:
        return {}
    if not _is_metadata(metadata):
        raise Unsound("its metadata holds values that are not text")
    return dict(metadata)


def _is_metadata(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _leading_metadata(raw: bytes) -> dict[str, str] | None:
    """The metadata if the JSON starts with it and it lies within `raw`, else None."""
    text = raw.decode("utf-8", errors="replace")
    start = METADATA.match(text)
    if start is None:
        return None
    try:
        metadata, end = json.JSONDecoder().raw_decode(text, start.end())
    except (ValueError, RecursionError):
        return None
    complete = text[end:].lstrip()[:1] in (",", "}") and "\ufffd" not in text[:end]
    return metadata if complete and _is_metadata(metadata) else None


def _tensor(key: str, value: object) -> TensorInfo:
    """One entry of the header, its size checked against its shape and dtype."""
    if not isinstance(value, dict):
        raise Unsound(f"tensor {key!r} is not described by an object")
    if isinstance(value, Repeated) and value.keys_twice & {"dtype", "shape", "data_offsets"}:
        raise Unsound(f"tensor {key!r} is described twice over")
    if len(value) > 3 and _depth(value) > DEEPEST - 1:
        raise Unsound(f"tensor {key!r} is described by too deep a nesting")
    dtype, shape, offsets = (value.get(name) for name in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or dtype not in BITS:
        raise Unsound(f"tensor {key!r} has the unknown dtype {dtype!r}")
    if not _are_counts(shape) or not _are_counts(offsets) or len(offsets) != 2:
        raise Unsound(f"tensor {key!r} has no valid shape and data_offsets")
    start, end = offsets
    if end - start != _bytes(key, dtype, shape):
        raise Unsound(f"tensor {key!r}: {dtype} of shape {shape} does not take {end - start} bytes")
    return TensorInfo(dtype, tuple(shape), start, end)


def _are_counts(value: Any) -> TypeGuard[list[int]]:
    """Whether this is a list of u64, as JSON has them (true is no number)."""
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 1 << 64 for n in value)


def _bytes(key: str, dtype: str, shape: list[int]) -> int:
    bits = 1
    for count in (*shape, BITS[dtype]):
        bits *= count
        if bits >= 1 << 64:
            raise Unsound(f"tensor {key!r} is too large for any file")
    if bits % 8:
        raise Unsound(f"tensor {key!r} does not end at a whole byte")
    return bits // 8


def _depth(value: object) -> int:
    """Levels of nesting, 0 for a plain value."""
    level, deep = [value], -1
    while level:
        deep += 1
        inner = [v for v in level if isinstance(v, (dict, list))]
        level = [part for v in inner for part in (v.values() if isinstance(v, dict) else v)]
        if inner and not level:
            deep += 1
    return deep


def _check_layout(tensors: Mapping[str, TensorInfo], data_size: int, data_start: int) -> None:
    """Tensors must cover the data one after the other: no overlap, no hole, nothing left over."""
    at = 0
    for key, tensor in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end)):
        if tensor.start < at:
            raise Unsound(f"tensor {key!r} overlaps another one")
        if tensor.start > at:
            raise Unsound(f"{tensor.start - at:,} bytes before tensor {key!r} belong to no tensor")
        at = tensor.end
    if at > data_size:
        raise Unsound(_cut(data_start + at, data_start + data_size))
    if at < data_size:
        raise Unsound(f"{data_size - at:,} bytes at its end belong to no tensor: {AGAIN}")
