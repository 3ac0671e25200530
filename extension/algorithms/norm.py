"""Norm: changes of a group or layer norm's weight and bias. LyCORIS `train_norm`."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ..deltas import Delta
from ..errors import ModuleError
from ..records import Kind, Shape, Shapes
from .base import Algorithm
from .channels import OutputScale
from .values import ComputeSpec
from .watched_layer import WatchedLayer


class Norm(Algorithm):
    """`w_norm` (c,), `b_norm` (c,); either may be missing."""

    name = "norm"
    required = frozenset({"w_norm"})
    suffixes: ClassVar = {"w_norm": ("w_norm",), "b_norm": ("b_norm",)}

    @classmethod
    def claims(cls, shapes: Shapes) -> bool:
        """One of the two is enough."""
        return "w_norm" in shapes or "b_norm" in shapes

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        if kind != "norm":
            raise ModuleError("kind", f"is for norm layers; this layer is {kind}")
        for slot in self.covers(dict.fromkeys(self.tensors, ())):
            if self.tensors[slot].numel() != shape[0]:
                raise ModuleError(
                    "shape",
                    f"{slot} has shape {self.shape(slot)}; the layer has {shape[0]} channels",
                )

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """`w_norm`, or zeros."""
        if "w_norm" not in self.tensors:
            return torch.zeros(layer.shape, dtype=spec.dtype, device=spec.device)
        return self.get("w_norm", spec).flatten()

    def runtime_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta:
        """A scale of the normalised input."""
        return OutputScale(self.delta_weight(layer, spec))

    def bias_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor | None:
        """`b_norm`, and `diff_b` where there is one."""
        total = super().bias_delta(layer, spec)
        if "b_norm" in self.tensors:
            own = self.bias_of("b_norm", layer, spec)
            total = own if total is None else total + own
        return total
