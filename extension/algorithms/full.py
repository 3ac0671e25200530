"""Full: the trained weight less the original, as it is. LyCORIS `full`, ComfyUI's extractors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..deltas import Delta, Dense, Layer, OutputMap
from ..records import Kind
from . import weight_shapes
from .base import Algorithm
from .channels import OutputScale
from .registry import Shape
from .values import ComputeSpec


class Full(Algorithm):
    """`diff` in W's shape, perhaps with `diff_b` (o,)."""

    name = "full"
    required = frozenset({"diff"})
    suffixes: ClassVar = {"diff": ("diff", "diff.weight")}

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        """Raises ModuleError when `diff` cannot go on a weight of this kind and shape."""
        weight_shapes.check(self.shape("diff"), kind, shape)

    def change(self, layer: Layer, place: ComputeSpec) -> Tensor:
        """`diff`."""
        return weight_shapes.onto(self.get("diff", place), tuple(layer.weight.shape))

    def form(self, layer: Layer, place: ComputeSpec) -> Delta:
        """Dense; on a norm layer a scale of the normalised input."""
        change = self.change(layer, place)
        return OutputScale(change) if layer.kind == "norm" else Dense(change)


class Replaced(Algorithm):
    """`set_weight`: W' itself (ComfyUI), so that ΔW = W' − W."""

    name = "set"
    required = frozenset({"set_weight"})
    suffixes: ClassVar = {"set_weight": ("set_weight",)}
    needs_base = True

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        """Raises ModuleError when W' has not W's shape."""
        weight_shapes.check(self.shape("set_weight"), kind, shape)

    def change(self, layer: Layer, place: ComputeSpec) -> Tensor:
        """W' − W."""
        weight = place.of(layer.weight)
        return self.get("set_weight", place).reshape(weight.shape) - weight

    def form(self, layer: Layer, place: ComputeSpec) -> Delta:
        """Dense; on a norm layer a scale of the normalised input."""
        change = self.change(layer, place)
        return OutputScale(change) if layer.kind == "norm" else Dense(change)


@dataclass(slots=True)
class Nothing(OutputMap):
    """No change but `bias`."""

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """Zeros like Wx."""
        assert wx is not None
        return torch.zeros_like(wx)


class BiasOnly(Algorithm):
    """`diff_b` alone: a change of the bias and of nothing else."""

    name = "bias"
    required = frozenset({"diff_b"})
    suffixes: ClassVar = {}

    @classmethod
    def claims(cls, shapes: Mapping[str, Shape]) -> bool:
        """Only where nothing is beside it."""
        return "diff_b" in shapes and set(shapes) <= {"diff_b", "alpha", "scale"}

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        """Raises ModuleError when the layer has another number of outputs."""
        weight_shapes.check(self.shape("diff_b"), "norm", shape[:1])

    def change(self, layer: Layer, place: ComputeSpec) -> Tensor:
        """Zeros."""
        return torch.zeros(layer.weight.shape, dtype=place.dtype, device=place.device)

    def form(self, layer: Layer, place: ComputeSpec) -> Delta:
        """Nothing but the bias."""
        return Nothing()
