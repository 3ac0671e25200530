"""What LyCORIS' extraction leaves beside the factors: a residual of W's size, dense or sparse.

Also biases (o,). Source of the sparse form: COO indices (dims, n) and values (n,) of the residual
in W's shape; like the dense one it is part of ΔW before the scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..deltas import Delta, Layer
from ..errors import ModuleError
from ..records import Kind
from .registry import Shape
from .values import ComputeSpec

SPARSE = ("bias_indices", "bias_values", "bias_size")


def present(tensors: Mapping[str, Tensor]) -> bool:
    """Is there a residual beside the factors?"""
    return "bias" in tensors or any(slot in tensors for slot in SPARSE)


def check(tensors: Mapping[str, Tensor], kind: Kind, shape: Shape) -> None:
    """Raises ModuleError where the residual has not W's size."""
    dense = tensors.get("bias")
    if dense is not None and dense.numel() != math.prod(shape):
        raise ModuleError(
            "shape", f"bias has shape {tuple(dense.shape)}, the {kind} layer's weight {shape}"
        )
    missing = [slot for slot in SPARSE if slot not in tensors]
    if missing and len(missing) < len(SPARSE):
        raise ModuleError("incomplete", f"has a sparse bias without {', '.join(missing)}")
    if not missing:
        indices, values = tensors["bias_indices"], tensors["bias_values"]
        fits = indices.dim() == 2 and indices.shape[1] == values.numel()
        if not fits or indices.shape[0] != tensors["bias_size"].numel():
            raise ModuleError(
                "form", "bias_indices, bias_values and bias_size do not fit each other"
            )


@dataclass(slots=True)
class Beside(Delta):
    """Another delta and a sparse residual, which is a matrix for the moment of its use only.

    `places` (n,) int32 in the flat W, `values` (n,) with the scale.
    """

    inner: Delta
    places: Tensor
    values: Tensor

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """inner(x) + residual · x."""
        residual = _filled(self.places, self.values, layer.weight.shape)
        return self.inner(layer, x, wx) + layer.apply(x, residual)


def dense(tensors: Mapping[str, Tensor], shape: Shape, place: ComputeSpec) -> Tensor:
    """The residual in W's shape."""
    if "bias" in tensors:
        return place.of(tensors["bias"]).reshape(shape)
    return _filled(*sparse(tensors, shape, place), shape)


def sparse(
    tensors: Mapping[str, Tensor], shape: Shape, place: ComputeSpec
) -> tuple[Tensor, Tensor]:
    """Places (n,) in the flat W, int32, and the values there."""
    if any(tensors[slot].is_floating_point() for slot in ("bias_size", "bias_indices")):
        raise ModuleError("dtype", "bias_size and bias_indices should be integers")
    size = tuple(int(n) for n in tensors["bias_size"].flatten().tolist())
    if min(size, default=0) < 1 or math.prod(size) != math.prod(shape):
        raise ModuleError("shape", f"bias_size is {size}, the layer's weight is {shape}")
    flat = _flat(tensors["bias_indices"].to(place.device, torch.int64), size)
    return flat.to(torch.int32), place.of(tensors["bias_values"]).flatten()


def _filled(places: Tensor, values: Tensor, shape: Shape) -> Tensor:
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


def bias(slot: str, tensor: Tensor, layer: Layer) -> Tensor:
    """A change of the layer's bias: (o,), from any shape with o elements."""
    if tensor.numel() != layer.weight.shape[0]:
        outputs = layer.weight.shape[0]
        raise ModuleError(
            "shape", f"{slot} has shape {tuple(tensor.shape)}, the layer has {outputs} outputs"
        )
    return tensor.flatten()
