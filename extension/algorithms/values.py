"""Numbers and tensors as they come out of files: what to compute in, and what to refuse."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import ModuleError
from ..records import Shape

MOST_DIMENSIONS = 5
WIDE_DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, slots=True)
class ComputeSpec:
    """Where a delta is computed: float32 or float64, on this device."""

    dtype: torch.dtype
    device: torch.device
    goal: torch.dtype | None = None  # the dtype of the result, where it is a smaller one

    def of(self, tensor: Tensor) -> Tensor:
        """The tensor in that dtype, on that device."""
        return tensor.detach().to(self.device, self.dtype)

    def times(self, tensor: Tensor, scale: float) -> Tensor:
        """tensor · scale in one rounding, and in one pass where it has the goal's dtype already."""
        if scale == 1.0:
            return tensor
        # A product with a number is computed in float32 within the kernel.
        return (tensor if tensor.dtype == self.goal else self.of(tensor)) * scale

    @property
    def widest(self) -> torch.dtype:
        """float64 where the device has it, for sums that must not lose digits."""
        return torch.float64 if self.device.type in WIDE_DEVICES else self.dtype

    def exact(self, tensor: Tensor) -> Tensor:
        """The tensor in float64, for solvers: on the CPU where the device has no float64."""
        wide = self.device.type in WIDE_DEVICES
        return tensor.detach().to(self.device if wide else "cpu", torch.float64)


def working(dtype: torch.dtype) -> torch.dtype:
    """What to compute in for a result in `dtype`: never less than float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def scalar(slot: str, tensor: Tensor) -> float:
    """A tensor of one element, () or (1,), of any dtype, as a number."""
    if tensor.numel() != 1 or tensor.is_complex():
        raise ModuleError("form", f"{slot} is {_described(tensor)}; expected one number")
    return float(tensor.to(torch.float64).item())


def demand_float(slot: str, tensor: Tensor) -> None:
    """Raises ModuleError where a weight holds integers, booleans or complex numbers."""
    if not tensor.is_floating_point():
        raise ModuleError(
            "dtype", f"{slot} is {_described(tensor)}; expected floating-point numbers"
        )


def demand_size(slot: str, shape: Shape) -> None:
    """Raises ModuleError where a tensor is empty, or has more dimensions than any weight."""
    if 0 in shape:
        raise ModuleError("form", f"{slot} has shape {shape}: it is empty")
    if len(shape) > MOST_DIMENSIONS:
        raise ModuleError("form", f"{slot} has {len(shape)} dimensions, more than any weight")


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
