"""LoRAs in pickles (.pt, .ckpt, .bin): read as `weights_only`, and only where that is allowed."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .errors import FileError
from .library import header as headers
from .library.header import Header, TensorInfo
from .tensors import DTYPES, Read

SUFFIXES = frozenset({".pt", ".pth", ".ckpt", ".bin"})
WRAPPERS = ("state_dict", "model", "lora", "module", "params_ema", "params")
_TORCH_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True, slots=True)
class Pickle:
    """A pickle whose tensors are read again whenever it is opened."""

    path: Path
    header: Header

    @contextmanager
    def open(self) -> Iterator[Read]:
        """Gives `read(key)`. FileError when the file cannot be read any more."""
        tensors = _tensors(self.path)
        changed = FileError(self.path, "it changed while it was in use: refresh the list")

        def read(key: str) -> Tensor:
            if key not in tensors:
                raise changed
            return tensors[key]

        yield read


def read_pickle(path: Path, *, allowed: bool) -> Pickle:
    """The pickle's tensors as a header describes them. FileError if refused or not readable."""
    if not allowed:
        raise FileError(
            path,
            "this is a pickle, which can carry a program: allow pickles in the settings, "
            "or convert it to .safetensors",
        )
    infos = {key: _info(path, key, tensor) for key, tensor in _tensors(path).items()}
    return Pickle(path, Header(infos, {}, 0))


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        with headers.open_file(path) as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, headers.Unsound) as error:
        raise FileError(path, headers.reason(error)) from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = "it holds more than tensors, or is broken; convert it to .safetensors"
        raise FileError(path, reason) from error
    return dict(_flatten(content))


def _flatten(content: Any) -> Iterator[tuple[str, Tensor]]:
    """Tensors by key. A list (cloneofsimo's .pt) has its places as keys."""
    if isinstance(content, (list, tuple)):
        content = {str(place): item for place, item in enumerate(content)}
    if not isinstance(content, Mapping):
        return
    for name in WRAPPERS:
        if isinstance(content.get(name), Mapping):
            content = content[name]
    for key, value in content.items():
        if isinstance(value, Tensor):
            yield str(key), value.detach()


def _info(path: Path, key: str, tensor: Tensor) -> TensorInfo:
    if tensor.layout != torch.strided:
        raise FileError(path, f"its tensor {key!r} is sparse")
    dtype = _TORCH_NAMES.get(tensor.dtype, str(tensor.dtype))
    return TensorInfo(dtype, tuple(tensor.shape), 0, tensor.numel() * tensor.element_size())
