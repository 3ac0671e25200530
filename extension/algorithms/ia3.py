"""(IA)³: one factor per output or input channel. Liu et al. 2022, in LyCORIS' form.

W' = (1 + v) ∘ W by rows, or by columns with `on_input`. The bias is not scaled, as in every
program that runs these files (LyCORIS up to 2.2 trained with the bias scaled too).
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ..deltas import Delta
from ..errors import ModuleError
from ..records import Kind, Shape
from .base import Algorithm
from .channels import InputScale, OutputScale, columns, rows, vector
from .values import ComputeSpec, scalar
from .watched_layer import WatchedLayer
from .weight_shapes import refuse_norm


def delta_weight(weight: Tensor, gain: Tensor, by_output: bool) -> Tensor:
    """gain ∘ W, in W's shape (o, i, …): by rows with `gain` (o,), else by columns with (i,)."""
    return weight * (rows(gain, weight) if by_output else columns(gain, weight))


def scaled(gain: Tensor, by_output: bool, groups: int) -> Delta:
    """The same beside the layer: a scale of Wx, or of x, whose channels are those of all groups."""
    return OutputScale(gain) if by_output else InputScale(gain.repeat(groups))


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
            raise ModuleError(
                "shape", f"weight has {size} values; the layer has {shape[0]} outputs"
            )

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """v ∘ W."""
        v = self.get("weight", spec).flatten()
        return delta_weight(spec.of(layer.weight), v, not self.on_input)

    def runtime_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta:
        """A scale of Wx, or of x."""
        return scaled(self.get("weight", spec).flatten(), not self.on_input, layer.groups)
