"""What the JSON of a safetensors file may say: the rules of safetensors 0.8.0, with reasons.

After github.com/huggingface/safetensors, `Metadata::validate`, but for what no writer does: tensors
described by a list instead of an object are refused here; a field or `__metadata__` that is there
twice, and nesting beyond 127 levels, are not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeGuard

from ..errors import Code

BITS: Mapping[str, int] = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 8),
    **dict.fromkeys(("F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
U64 = 1 << 64
AGAIN = "download or copy it again"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor; `start` and `end` count bytes from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class Unsound(Exception):
    """A rule of the format is broken; becomes a FileError that names the file."""

    def __init__(self, reason: str, code: Code = "damaged") -> None:
        super().__init__(reason)
        self.code: Code = code


def parse(raw: bytes) -> dict[str, Any]:
    """The JSON object; where it has a key twice, the last value counts."""
    try:
        text = raw.decode("utf-8")
        content = json.loads(text.strip(" \t\r\n"), parse_constant=_refuse_constant)
        demand_text(text, content)
    except (ValueError, RecursionError) as error:
        raise Unsound(f"its header is not valid JSON ({error}): {AGAIN}") from error
    if not isinstance(content, dict):
        raise Unsound(f"its header is not a JSON object: {AGAIN}")
    return content


def demand_text(text: str, content: object) -> None:
    """ValueError where JSON holds half a surrogate pair, which no page and no database takes."""
    if "\\u" in text:
        json.dumps(content, ensure_ascii=False).encode("utf-8")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def metadata(content: dict[str, Any]) -> dict[str, str]:
    found = content.get("__metadata__")
    if found is None:
        return {}
    if not is_metadata(found):
        raise Unsound("its metadata holds values that are not text")
    return dict(found)


def is_metadata(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def tensor(key: str, value: object) -> TensorInfo:
    """One entry of the header, its size checked against its shape and dtype."""
    if not isinstance(value, dict):
        raise Unsound(f"tensor {key!r} is not described by a JSON object")
    dtype, shape, offsets = value.get("dtype"), value.get("shape"), value.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in BITS:
        raise Unsound(f"tensor {key!r} has the unknown dtype {dtype!r}")
    if not _are_counts(shape) or not _are_counts(offsets) or len(offsets) != 2:
        raise Unsound(f"tensor {key!r} has no valid shape and data_offsets")
    start, end = offsets
    if end - start != _bytes(key, BITS[dtype], shape):
        raise Unsound(f"tensor {key!r}: {dtype} of shape {shape} does not take {end - start} bytes")
    return TensorInfo(dtype, tuple(shape), start, end)


def _are_counts(value: Any) -> TypeGuard[list[int]]:
    """Whether this is a list of u64, as JSON has them (true is no number)."""
    if type(value) is not list:
        return False
    for n in value:  # noqa: SIM110 - a third of the time of all(...), for thousands of tensors
        if type(n) is not int or not 0 <= n < U64:
            return False
    return True


def _bytes(key: str, bits: int, shape: list[int]) -> int:
    """Bytes of a tensor; the product is taken in the order in which safetensors checks it."""
    count = 1
    for size in shape:
        count *= size
        if count >= U64:
            raise Unsound(f"tensor {key!r} is too large for any file")
    bits *= count
    if bits >= U64:
        raise Unsound(f"tensor {key!r} is too large for any file")
    if bits % 8:
        raise Unsound(f"tensor {key!r} does not end at a whole byte")
    return bits // 8


def check_layout(tensors: Mapping[str, TensorInfo], data_start: int, file_size: int) -> None:
    """Tensors must cover the data one after the other: no overlap, no hole, nothing left over."""
    data_size = file_size - data_start
    at = 0
    for key, tensor in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end)):
        if tensor.start < at:
            raise Unsound(f"tensor {key!r} overlaps another one")
        if tensor.start > at:
            raise Unsound(f"{tensor.start - at:,} bytes before tensor {key!r} belong to no tensor")
        at = tensor.end
    if at > data_size:
        raise Unsound(cut(data_start + at, file_size))
    if at < data_size:
        raise Unsound(f"{data_size - at:,} bytes at its end belong to no tensor: {AGAIN}")


def cut(expected: int, actual: int, what: str = "its header describes") -> str:
    """Why a file that is too short is refused; bytes."""
    return f"it is cut short: {what} {expected:,} bytes, {actual:,} are there; {AGAIN}"
