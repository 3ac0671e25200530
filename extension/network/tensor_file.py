"""Tensors of a file, read one at a time and not kept.

Reads into memory of its own instead of mapping the file: a file that is overwritten or cut short
meanwhile gives an error, not a crash of the process, and none of it stays in memory.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Protocol, cast

import torch
from torch import Tensor

from ..errors import FileError, ModuleError
from ..library import header as headers
from ..library.header import Header, TensorInfo

Read = Callable[[str], Tensor]  # a file's key -> its tensor, on the CPU

_NAMES = {  # safetensors' name: torch's
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "BOOL": "bool",
    "C64": "complex64",
}
DTYPES: Mapping[str, torch.dtype] = {
    name: getattr(torch, torch_name)
    for name, torch_name in _NAMES.items()
    if hasattr(torch, torch_name)
}
FLOATS = frozenset(name for name in DTYPES if "F" in name)
CHANGED = "it changed while it was read: draw again"
LARGEST = 1 << 40  # of any dimension; and no tensor of a LoRA has more dimensions than
DEEPEST = 8


class Source(Protocol):
    """A file of tensors, in any format."""

    @property
    def path(self) -> Path:
        """Where it is."""

    @property
    def header(self) -> Header:
        """Keys, dtypes, shapes and metadata."""

    def open(self) -> AbstractContextManager[Read]:
        """Gives `read(key)`; FileError when the file cannot be read any more."""


@dataclass(frozen=True, slots=True)
class Safetensors:
    """A .safetensors file by its checked header."""

    path: Path
    header: Header

    @contextmanager
    def open(self) -> Iterator[Read]:
        """Gives `read(key)`. FileError when the file is gone, or another than its header is of."""
        try:
            with headers.open_file(self.path) as file:
                if self.header.stamp not in (None, headers.stamp_of(file)):
                    raise FileError("changed", self.path, CHANGED)
                yield lambda key: self._read(cast(BufferedReader, file), key)
        except (OSError, headers.Unsound) as error:
            raise headers.refusal(self.path, error) from error

    def _read(self, file: BufferedReader, key: str) -> Tensor:
        info = self.header.tensors[key]
        dtype = demand_readable(info)
        tensor = torch.empty(info.shape, dtype=dtype)
        if size := tensor.numel() * tensor.element_size():  # torch < 2.1 has no nbytes
            memory = (ctypes.c_char * size).from_address(tensor.data_ptr())
            file.seek(self.header.data_start + info.start)
            if file.readinto(memory) != size:
                reason = "it was cut short while in use: download or copy it again"
                raise FileError("changed", self.path, reason)
        return tensor


def demand_readable(info: TensorInfo) -> torch.dtype:
    """The tensor's dtype; ModuleError when torch has no such dtype or shape."""
    dtype = DTYPES.get(info.dtype)
    if dtype is None:
        raise ModuleError(
            "dtype", f"is stored as {info.dtype}, which this version of torch cannot read"
        )
    if len(info.shape) > DEEPEST or max(info.shape, default=0) > LARGEST:
        raise ModuleError(
            "form", f"has a tensor of shape {list(info.shape)[:DEEPEST]}, larger than any weight"
        )
    return dtype
