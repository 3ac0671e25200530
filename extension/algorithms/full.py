"""Full: the trained weight less the original, as it is. LyCORIS `full`, ComfyUI's extractors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..deltas import Delta, Dense, Layer, OutputMap
from ..records import Kind, Shape, Shapes
from . import weight_shapes
from .base import Algorithm
from .channels import OutputScale
from .values import ComputeSpec
from .watched_layer import WatchedLayer


def whole(change: Tensor, layer: WatchedLayer) -> Delta:
    """ΔW as it is; on a norm layer a scale of the normalised input."""
    return OutputScale(change) if layer.kind == "norm" else Dense(change)


class Full(Algorithm):
    """`diff` in W's shape, perhaps with `diff_b` (o,)."""

    name = "full"
    required = frozenset({"diff"})
    suffixes: ClassVar = {"diff": ("diff", "diff.weight")}

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        weight_shapes.check(self.shape("diff"), kind, shape)

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """`diff`."""
        return weight_shapes.onto(self.get("diff", spec), layer.shape)

    def runtime_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta:
        """ΔW, whatever the layer is."""
        return whole(self.delta_weight(layer, spec), layer)


class Replaced(Algorithm):
    """`set_weight`: W' itself (ComfyUI), so that ΔW = W' − W."""

    name = "set"
    required = frozenset({"set_weight"})
    suffixes: ClassVar = {"set_weight": ("set_weight",)}

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        weight_shapes.check(self.shape("set_weight"), kind, shape)

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """W' − W."""
        weight = spec.of(layer.weight)
        return self.get("set_weight", spec).reshape(weight.shape) - weight

    def runtime_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta:
        """ΔW, whatever the layer is."""
        return whole(self.delta_weight(layer, spec), layer)


@dataclass(slots=True)
class Nothing(OutputMap):
    """No change but `bias`."""

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """Zeros like Wx."""
        assert wx is not None
        return torch.zeros_like(wx)


class BiasOnly(Algorithm):
    """`diff_b` alone: a change of nothing but the bias."""

    name = "bias"
    required = frozenset({"diff_b"})
    suffixes: ClassVar = {}

    @classmethod
    def claims(cls, shapes: Shapes) -> bool:
        """Only where there is nothing else."""
        return "diff_b" in shapes and set(shapes) <= {"diff_b", "alpha", "scale"}

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        weight_shapes.check(self.shape("diff_b"), "norm", shape[:1])

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """Zeros."""
        return torch.zeros(layer.shape, dtype=spec.dtype, device=spec.device)

    def runtime_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta:
        """Nothing but the bias."""
        return Nothing()
