"""A first look at a LoRA file: what names it, and whether it is whole, without parsing its keys.

The header of an SDXL LoRA is half a megabyte of JSON and 5,000 entries; to parse and check them all
takes 20 ms and more, to look at them as text takes one or two. So a list of ten thousand files is
there after half a minute. Faults inside the header are left to the second look (`header.read`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import header as headers
from .rules import AGAIN, Unsound, cut

OFFSETS = re.compile(rb'"data_offsets"\s*:\s*\[\s*\d{1,19}\s*,\s*(\d{1,19})\s*\]')
LAST = 300  # bytes of the header's end in which the last tensor stands


@dataclass(frozen=True, slots=True)
class Outline:
    """`tensors` is the header's JSON behind the metadata: keys, dtypes, shapes, as text."""

    tensors: bytes
    metadata: Mapping[str, str]


def read(path: str | Path) -> Outline:
    """The file's outline; FileError where its length, its size or its kind is wrong."""
    try:
        with headers.open_file(path) as file:
            size, length = headers.measured(file)
            raw = file.read(length)
            metadata, end = _metadata(raw, size)
            _check_end(raw[end:], size - 8 - length)
            return Outline(raw[end:], metadata)
    except (OSError, ValueError, Unsound) as error:
        raise headers.refusal(path, error) from error


def _metadata(raw: bytes, size: int) -> tuple[Mapping[str, str], int]:
    """The metadata and where they end; a header in an unusual order is parsed as a whole."""
    if not raw.lstrip().startswith(b"{") or not raw.rstrip(b" \t\r\n\0").endswith(b"}"):
        raise Unsound(f"its header is not a JSON object: {AGAIN}")
    if b'"__metadata__"' not in raw:
        return {}, 0
    found = headers.leading_metadata(raw)
    return found or (headers.parsed(raw, size).metadata, 0)


def _check_end(tensors: bytes, data_size: int) -> None:
    """The last tensor must end where the file does; writers put it last in the header, too."""
    last = OFFSETS.findall(tensors, max(0, len(tensors) - LAST))
    if last and int(last[-1]) == data_size:
        return
    end = max(map(int, OFFSETS.findall(tensors)), default=0)
    if end > data_size:
        raise Unsound(cut(end, data_size, "its tensors take"))
    if end < data_size:
        raise Unsound(f"{data_size - end:,} bytes at its end belong to no tensor: {AGAIN}")
