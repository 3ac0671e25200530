"""Numbers and tensors as they come out of files: what to compute in, and what to refuse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import ModuleError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a delta is computed: float32 or float64, on this device."""

    dtype: torch.dtype
    device: torch.device

    def of(self, tensor: Tensor) -> Tensor:
        """The tensor there."""
        return tensor.detach().to(self.device, self.dtype)

    def exact(self) -> torch.dtype:
        """float64, where the device has it: for what is short and must not lose digits."""
        return self.dtype if self.device.type == "mps" else torch.float64


def working(dtype: torch.dtype) -> torch.dtype:
    """What to compute in for a result in `dtype`: never less than float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def scalar(slot: str, tensor: Tensor) -> float:
    """A tensor of one element, () or (1,), of any dtype, as a number."""
    if tensor.numel() != 1 or tensor.is_complex():
        raise ModuleError(f"{slot} should be one number and is {_described(tensor)}")
    return float(tensor.to(torch.float64).item())


def demand_float(slot: str, tensor: Tensor) -> None:
    """Raises ModuleError where a weight is of integers, booleans or complex numbers, or empty."""
    if not tensor.is_floating_point():
        raise ModuleError(f"{slot} is {_described(tensor)}: weights are floating-point numbers")
    if tensor.numel() == 0:
        raise ModuleError(f"{slot} is empty: {_described(tensor)}")


def demand_finite(made: Iterable[Tensor], source: Mapping[str, Tensor]) -> None:
    """Raises ModuleError where a result has NaN or Inf, and says which tensor is why."""
    for tensor in made:
        if tensor.is_floating_point() and not _finite(tensor):
            raise ModuleError(_culprit(tensor.dtype, source))


def _finite(tensor: Tensor) -> bool:
    # The sum is one pass without a temporary: a tenth of isfinite().all(). It can overflow alone.
    if bool(torch.isfinite(tensor.sum(dtype=working(tensor.dtype)))):
        return True
    return bool(torch.isfinite(tensor).all())


def _culprit(dtype: torch.dtype, source: Mapping[str, Tensor]) -> str:
    for slot, tensor in source.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.float()).all()):
            return f"{slot} holds NaN or infinite values"
    return f"its values are too large for {str(dtype).removeprefix('torch.')}"


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
