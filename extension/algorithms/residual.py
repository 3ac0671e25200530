"""What LyCORIS' extraction leaves beside the factors: a residual R of W's size, dense or sparse.

ΔW = s · (product + R). The sparse form is COO: `bias_indices` (dims, n) and `bias_values` (n,) in a
tensor of the shape `bias_size`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..deltas import Delta, Layer
from ..errors import ModuleError
from ..records import Kind, Shape
from . import weight_shapes
from .values import ComputeSpec

SPARSE = ("bias_indices", "bias_values", "bias_size")


def check(tensors: Mapping[str, Tensor], kind: Kind, shape: Shape) -> None:
    """Raises ModuleError where there is a residual of another size than W's."""
    dense = tensors.get("bias")
    if dense is not None and dense.numel() != math.prod(shape):
        reason = f"bias has shape {tuple(dense.shape)}; the {kind} layer's weight has {shape}"
        raise ModuleError("shape", reason)
    missing = [slot for slot in SPARSE if slot not in tensors]
    if missing and len(missing) < len(SPARSE):
        raise ModuleError("incomplete", f"has a sparse residual without {', '.join(missing)}")
    if not missing:
        indices, values = tensors["bias_indices"], tensors["bias_values"]
        fits = indices.dim() == 2 and indices.shape[1] == values.numel()
        if not fits or indices.shape[0] != tensors["bias_size"].numel():
            reason = "bias_indices, bias_values and bias_size do not match"
            raise ModuleError("form", reason)


def added(
    product: Tensor, tensors: Mapping[str, Tensor], shape: Shape, spec: ComputeSpec
) -> Tensor:
    """product + R, in W's `shape`."""
    made = weight_shapes.onto(product, shape)
    if "bias" in tensors:
        return made + spec.of(tensors["bias"]).reshape(shape)
    if "bias_size" in tensors:
        return made + filled(*sparse(tensors, shape, spec), shape)
    return made


def beside(
    delta: Delta, tensors: Mapping[str, Tensor], scale: float, shape: Shape, spec: ComputeSpec
) -> Delta:
    """The delta, with s · R added where R is sparse. (A dense R would gain nothing here.)"""
    if "bias_size" not in tensors:
        return delta
    places, values = sparse(tensors, shape, spec)
    return Beside(delta, places, values * scale)


@dataclass(slots=True)
class Beside(Delta):
    """Another delta and a sparse residual, which is a matrix only for the moment of its use.

    `places` (n,) int32 in the flat W, `values` (n,) with the scale.
    """

    inner: Delta
    places: Tensor
    values: Tensor

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """inner(x) + s · R x."""
        residual = filled(self.places, self.values, layer.shape)
        return self.inner(layer, x, wx) + layer.apply(x, residual)


def sparse(tensors: Mapping[str, Tensor], shape: Shape, spec: ComputeSpec) -> tuple[Tensor, Tensor]:
    """Places (n,) in the flat W, int32, and the values there."""
    if any(tensors[slot].is_floating_point() for slot in ("bias_size", "bias_indices")):
        raise ModuleError("dtype", "bias_size and bias_indices must be integers")
    size = tuple(int(n) for n in tensors["bias_size"].flatten().tolist())
    if min(size, default=0) < 1 or math.prod(size) != math.prod(shape):
        raise ModuleError("shape", f"bias_size is {size}; the layer's weight has shape {shape}")
    flat = _flat(tensors["bias_indices"].to(spec.device, torch.int64), size)
    return flat.to(torch.int32), spec.of(tensors["bias_values"]).flatten()


def filled(places: Tensor, values: Tensor, shape: Shape) -> Tensor:
    """Zeros in this shape but for the values (n,) at their places (n,) in the flat tensor."""
    made = values.new_zeros(math.prod(shape))
    return made.index_add_(0, places, values).reshape(shape)


def _flat(indices: Tensor, size: Shape) -> Tensor:
    """Positions (dims, n) in a tensor of this size as places in its flat form (n,)."""
    flat = torch.zeros(indices.shape[1], dtype=torch.int64, device=indices.device)
    for along, extent in zip(indices, size, strict=True):
        if bool(((along < 0) | (along >= extent)).any()):
            raise ModuleError("form", f"bias_indices point outside bias_size {size}")
        flat = flat * extent + along
    return flat
