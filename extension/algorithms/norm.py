"""Norm: changes of a group or layer norm's weight and bias. LyCORIS `train_norm`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ..deltas import Delta, Layer
from ..errors import ModuleError
from ..records import Kind
from . import residual
from .base import Algorithm
from .channels import OutputScale
from .registry import Shape
from .values import ComputeSpec


class Norm(Algorithm):
    """`w_norm` (c,), `b_norm` (c,); either may be missing."""

    name = "norm"
    required = frozenset({"w_norm"})
    suffixes: ClassVar = {"w_norm": ("w_norm",), "b_norm": ("b_norm",)}

    @classmethod
    def claims(cls, shapes: Mapping[str, Shape]) -> bool:
        """One of the two is enough."""
        return "w_norm" in shapes or "b_norm" in shapes

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        """Raises ModuleError where the layer is no norm, or has other channels."""
        if kind != "norm":
            raise ModuleError("kind", f"is for a norm, the layer is {kind}")
        for slot in self.covers(dict.fromkeys(self.tensors, ())):
            if self.tensors[slot].numel() != shape[0]:
                raise ModuleError(
                    "shape", f"{slot} is {self.shape(slot)}, the layer has {shape[0]} channels"
                )

    def change(self, layer: Layer, place: ComputeSpec) -> Tensor:
        """`w_norm`, or zeros."""
        if "w_norm" not in self.tensors:
            return torch.zeros(layer.weight.shape, dtype=place.dtype, device=place.device)
        return self.get("w_norm", place).flatten()

    def form(self, layer: Layer, place: ComputeSpec) -> Delta:
        """A scale of the normalised input."""
        return OutputScale(self.change(layer, place))

    def bias_change(self, layer: Layer, place: ComputeSpec) -> Tensor | None:
        """`b_norm`, and `diff_b` where there is one."""
        total = super().bias_change(layer, place)
        if "b_norm" in self.tensors:
            own = residual.bias("b_norm", self.get("b_norm", place), layer)
            total = own if total is None else total + own
        return total
