"""LoRAs in pickles (.pt, .pth, .ckpt, .bin): read as `weights_only`, where that is allowed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import FileError
from ..library import header as headers
from ..library.header import Header, TensorInfo
from .tensor_file import DTYPES, Read

DEEPEST = 6  # levels of dictionaries
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
        changed = FileError("changed", self.path, "it changed while in use: refresh the list")

        def read(key: str) -> Tensor:
            if key not in tensors:
                raise changed
            return tensors[key]

        yield read


def read_pickle(path: Path, *, allowed: bool) -> Pickle:
    """The pickle's tensors as a header describes them. FileError if refused or not readable."""
    if not allowed:
        raise FileError(
            "pickle",
            path,
            "this is a pickle, which can carry a program: allow pickles in the settings, "
            "or convert it to .safetensors",
        )
    infos = {key: _info(path, key, tensor) for key, tensor in _tensors(path).items()}
    return Pickle(path, Header(infos, {}, 0))


def _tensors(path: Path) -> dict[str, Tensor]:
    """All tensors by key. FileError."""
    try:
        with headers.open_file(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the protocol, which old files have
            content = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, headers.Unsound) as error:
        raise headers.refusal(path, error) from error
    except Exception as error:  # the unpickler may raise nearly anything
        reason = "it holds more than tensors or is damaged: convert it to .safetensors"
        raise FileError("pickle", path, reason) from error
    return dict(_flatten(content))


def _flatten(content: object, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Tensors by dotted path; wrappers such as `state_dict` are left out of it."""
    if isinstance(content, Tensor):
        yield prefix.removesuffix("."), content.detach()
    if depth == DEEPEST:  # a pickle can hold itself
        return
    if isinstance(content, (list, tuple)):
        content = {str(place): value for place, value in enumerate(content)}
    if isinstance(content, Mapping):
        for key, value in content.items():
            wrapped = key in WRAPPERS and isinstance(value, Mapping)
            yield from _flatten(value, prefix if wrapped else f"{prefix}{key}.", depth + 1)


def _info(path: Path, key: str, tensor: Tensor) -> TensorInfo:
    if tensor.layout != torch.strided:
        raise FileError("dtype", path, f"its tensor {key!r} is sparse: save it as a dense one")
    dtype = _TORCH_NAMES.get(tensor.dtype, str(tensor.dtype))
    return TensorInfo(dtype, tuple(tensor.shape), 0, tensor.numel() * tensor.element_size())
