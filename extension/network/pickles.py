"""LoRAs in pickles (.pt, .pth, .ckpt, .bin): read as `weights_only`, where that is allowed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import FileError
from ..library import header as headers
from ..library.header import Header, TensorInfo
from .tensor_file import DTYPES, Read

DEEPEST = 6  # levels of dictionaries
PARAMETER_DICT = "torch.nn.modules.container.ParameterDict"
WRAPPERS = ("state_dict", "model", "lora", "module", "params_ema", "params")
OLDEST = "Only persistent_load of storage is allowed"  # what torch says of a module in one
_TORCH = tuple(int(part) for part in torch.__version__.split(".")[:2])
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
        with headers.open_file(path) as file, warnings.catch_warnings(), _old_parameters():
            warnings.simplefilter("ignore")  # about the protocol, which old files have
            content = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, headers.Unsound) as error:
        raise headers.refusal(path, error) from error
    except Exception as error:  # the unpickler may raise nearly anything
        raise FileError("pickle", path, _refused(error)) from error
    return dict(_flatten(content))


class _ParameterDict:
    """In the place of torch's class of this name: what it holds, and nothing of what it does."""

    _parameters: Mapping[str, Tensor]


def _old_parameters() -> AbstractContextManager[Any]:
    """Inside, embeddings of 2022 can be read: they hold their vectors in a ParameterDict.

    Only torch from 2.6 on takes another class in the place of the one that a pickle names.
    """
    safe_globals = getattr(torch.serialization, "safe_globals", None)
    if safe_globals is None or _TORCH < (2, 6):
        return nullcontext()
    found: AbstractContextManager[Any] = safe_globals([(_ParameterDict, PARAMETER_DICT)])
    return found


def _refused(error: Exception) -> str:
    """What to do about a pickle that cannot be read as `weights_only`."""
    if PARAMETER_DICT in str(error):
        return (
            "it holds its vectors in a ParameterDict, as trainers of 2022 wrote them: "
            "only torch 2.6 and newer read that safely; convert it to .safetensors there"
        )
    if OLDEST in str(error):
        return (
            "it holds a module of torch in the format from before torch 1.6, which cannot be read "
            "safely: convert it to .safetensors with the program that made it"
        )
    return "it holds more than tensors or is damaged: convert it to .safetensors"


def _flatten(content: object, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Tensors by dotted path; wrappers such as `state_dict` are left out of it."""
    if isinstance(content, _ParameterDict):
        content = getattr(content, "_parameters", {})
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
