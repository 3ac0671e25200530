"""(IA)³: one factor per output or input channel. Liu et al. 2022, in LyCORIS' form.

W' = (1 + v) ∘ W by rows, or by columns with `on_input`. The bias is not scaled, as in every
program that runs these files (LyCORIS up to 2.2 trained with the bias scaled too).
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ..deltas import Delta, Layer
from ..errors import ModuleError
from ..records import Kind
from .base import Algorithm
from .channels import InputScale, OutputScale, columns, rows, vector
from .registry import Shape
from .values import ComputeSpec, scalar
from .weight_shapes import refuse_norm


class Ia3(Algorithm):
    """`weight` with o (or i) values in any shape, `on_input` 0 or 1."""

    name = "ia3"
    required = frozenset({"weight", "on_input"})
    suffixes: ClassVar = {"weight": ("weight",), "on_input": ("on_input",)}

    @property
    def on_input(self) -> bool:
        """Does it scale the input's channels?"""
        return scalar("on_input", self.tensors["on_input"]) != 0

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        """Raises ModuleError where the layer has another number of channels."""
        refuse_norm(kind)
        if self.tensors["on_input"].is_meta:
            self._fit_either(shape)
        elif self.on_input:
            vector("weight", self.tensors["weight"], shape[1], "inputs")
        else:
            vector("weight", self.tensors["weight"], shape[0], "outputs")

    def _fit_either(self, shape: Shape) -> None:
        size = self.tensors["weight"].numel()
        if size not in shape[:2]:
            raise ModuleError("shape", f"weight has {size} values, the layer {shape[0]} outputs")

    def change(self, layer: Layer, place: ComputeSpec) -> Tensor:
        """v ∘ W."""
        weight, v = place.of(layer.weight), self.get("weight", place).flatten()
        return weight * (columns(v, weight) if self.on_input else rows(v, weight))

    def form(self, layer: Layer, place: ComputeSpec) -> Delta:
        """A scale of Wx, or of x."""
        v = self.get("weight", place).flatten()
        return InputScale(v.repeat(layer.groups)) if self.on_input else OutputScale(v)
