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
from .values import WIDE_DEVICES, working

# Entries of ΔW are seldom above 1, W's own seldom above 10. Activations of some hundreds times
# these limits are still numbers: in float16 they end at 65504.
LARGEST = 1e4
LARGEST_HALF = 256.0
# Dtypes that torch can sum on every device; others (float8) are read as float32.
SUMMED = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64)


@contextmanager
def sound(source: Mapping[str, Tensor]) -> Iterator[None]:
    """Turns a solver's failure, which NaN and Inf cause, into a ModuleError naming the tensor."""
    try:
        yield
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
        raise _culprit(source) from error


def demand_finite(made: Tensor, source: Mapping[str, Tensor]) -> None:
    """Raises ModuleError where a result has NaN or Inf, naming the tensor they came from."""
    if nonfinite(made):
        raise _culprit(source)


def demand_sane(delta: Delta, dtype: torch.dtype, source: Mapping[str, Tensor]) -> None:
    """Raises ModuleError where a delta holds NaN, Inf, or values of a damaged file."""
    for size, limit in _sizes(delta, LARGEST_HALF if dtype == torch.float16 else LARGEST):
        if not size <= limit:  # NaN is not
            raise _culprit(source, f" ({size:.3g}, in {_name(dtype)})")


def _sizes(delta: Delta, limit: float) -> Iterator[tuple[float, float]]:
    """How large its matrices are, with `limit`, and its vectors and biases, with `LARGEST`."""
    if isinstance(delta, LowRank):
        yield _product(delta, limit), limit
        rest = [] if delta.bias is None else [delta.bias]
    else:
        inner = getattr(delta, "inner", None)
        within = {id(tensor) for tensor in inner.tensors()} if inner else set()
        if inner:
            yield from _sizes(inner, limit)
        rest = [t for t in delta.tensors() if t.is_floating_point() and id(t) not in within]
    for tensor in rest:
        yield _largest(tensor), limit if tensor.dim() > 1 else LARGEST


def _product(delta: LowRank, limit: float) -> float:
    """An upper bound of all entries of up · mid · down: r · max |up| · max |down|, or closer."""
    mid = 1.0 if delta.mid is None else _largest(delta.mid) * delta.mid.shape[0]
    size = _largest(delta.down) * _largest(delta.up) * delta.up.shape[1] * mid
    return size if size <= limit else _exact_size(delta)


def _exact_size(delta: LowRank) -> float:
    """The bound for factors of a few large values: by the lengths of rows and columns."""
    wide = working(delta.up.dtype)
    rows = torch.linalg.vector_norm(delta.up, dim=1, dtype=wide).max()
    columns = torch.linalg.vector_norm(delta.down, dim=0, dtype=wide).max()
    core = 1.0 if delta.mid is None else torch.linalg.vector_norm(delta.mid, dtype=wide)
    return float(rows * columns * core)


def _largest(tensor: Tensor) -> float:
    """max |t|, or NaN where there is one, in the fastest pass there is."""
    try:
        ends = tensor.aminmax()
    except RuntimeError:  # older versions of torch have none for float16 on the CPU
        return _largest_by_bits(tensor)
    return max(-ends.min.item(), ends.max.item())  # with a NaN among them, both are


def _largest_by_bits(tensor: Tensor) -> float:
    """Without their sign, 16-bit floats are ordered as their bits are, and NaN is above all."""
    return float((tensor.view(torch.int16) & 0x7FFF).max().view(tensor.dtype))


def nonfinite(tensor: Tensor) -> int:
    """How many of a tensor's values are NaN or infinite, whatever its dtype."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return 0
    values = tensor if tensor.dtype in SUMMED else tensor.float()
    # NaN and Inf stay in a sum: one pass tells that most tensors are sound, at a tenth of the time
    # of isfinite().all(). The sum itself can overflow, therefore float64 where there is one.
    wide = values.device.type in WIDE_DEVICES and not values.is_complex()
    total = values.sum(dtype=torch.float64 if wide else None)
    return 0 if bool(torch.isfinite(total)) else int((~torch.isfinite(values)).sum())


def _culprit(source: Mapping[str, Tensor], size: str = "") -> ModuleError:
    for slot, tensor in source.items():
        if nonfinite(tensor):
            return ModuleError("nonfinite", f"{slot} holds NaN or infinite values")
    return ModuleError("too-large", f"its values are too large{size}: the file is damaged")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
