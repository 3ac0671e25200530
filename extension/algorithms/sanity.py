"""Values that no training gives: NaN, infinite, or so large that the picture would be NaN.

A damaged file often has one weight of 1e37 among good ones, where a bit of an exponent flipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from ..deltas import Delta, LowRank
from ..errors import ModuleError
from .values import working

# Entries of ΔW are seldom above 1, W's own seldom above 10. Activations of some hundreds times
# these limits are still numbers: in float16 they end at 65504.
LARGEST = 1e4
LARGEST_HALF = 256.0


@contextmanager
def sound(source: Mapping[str, Tensor]) -> Iterator[None]:
    """Turns the failure of a solver, which NaN and Inf cause, into a ModuleError with its cause."""
    try:
        yield
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
        raise ModuleError(_culprit(source)) from error


def demand_finite(made: Tensor, source: Mapping[str, Tensor]) -> None:
    """Raises ModuleError where a result has NaN or Inf, and says which tensor is why."""
    if not _finite(made):
        raise ModuleError(_culprit(source))


def demand_sane(delta: Delta, dtype: torch.dtype, source: Mapping[str, Tensor]) -> None:
    """Raises ModuleError where a delta holds NaN, Inf, or values of a damaged file."""
    limit = LARGEST_HALF if dtype == torch.float16 else LARGEST
    for value in _sizes(delta):
        if not bool(value <= limit):  # NaN is not
            raise ModuleError(_culprit(source, f" ({float(value):.3g}, in {_name(dtype)})"))


def _sizes(delta: Delta) -> Iterator[Tensor]:
    """Bounds of what a delta adds, for inputs of about 1."""
    parts = list(delta.tensors())
    if isinstance(delta, LowRank):
        yield _product(delta)
        parts = [] if delta.bias is None else [delta.bias]
    for tensor in parts:
        if tensor.is_floating_point():
            low, high = tensor.aminmax()
            yield torch.maximum(-low, high)


def _product(delta: LowRank) -> Tensor:
    """No entry of up · mid · down is larger: by the lengths of up's rows and down's columns."""
    wide = working(delta.up.dtype)
    rows: Tensor = torch.linalg.vector_norm(delta.up, dim=1, dtype=wide).max()
    columns: Tensor = torch.linalg.vector_norm(delta.down, dim=0, dtype=wide).max()
    if delta.mid is None:
        return rows * columns
    core: Tensor = torch.linalg.vector_norm(delta.mid, dtype=wide)
    return rows * columns * core


def _finite(tensor: Tensor) -> bool:
    # The sum is one pass without a temporary: a tenth of isfinite().all(). It can overflow alone.
    tensor = tensor.to(working(tensor.dtype))
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())


def _culprit(source: Mapping[str, Tensor], size: str = "") -> str:
    for slot, tensor in source.items():
        if tensor.is_floating_point() and not _finite(tensor):
            return f"{slot} holds NaN or infinite values"
    return f"its values are too large{size}: the file is damaged"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
