"""The common part of all algorithms that add s · product to W, whatever W is."""

from __future__ import annotations

from torch import Tensor

from ..deltas import Delta, Dense, Layer
from ..records import Kind
from . import residual, weight_shapes
from .base import Algorithm
from .registry import Shape
from .values import ComputeSpec


class Additive(Algorithm):
    """ΔW = s · (product + residual). Override `made`, `product` and `short_form`."""

    def made(self) -> Shape:
        """The shape of ΔW by the file's tensors: (o, i[, kh, kw]), or flattened (o, i·kh·kw)."""
        raise NotImplementedError

    def product(self, layer: Layer, place: ComputeSpec) -> Tensor:
        """The change in the shape `made`, without scale and residual."""
        raise NotImplementedError

    def short_form(self, layer: Layer, place: ComputeSpec) -> Delta:
        """What is cheaper than ΔW x, with the scale and without a residual; Dense has all."""
        return Dense(self.change(layer, place))

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        """Raises ModuleError when it cannot go on a weight of this kind and shape."""
        weight_shapes.refuse_norm(kind)
        weight_shapes.check(self.made(), kind, shape)
        residual.check(self.tensors, kind, shape)

    def change(self, layer: Layer, place: ComputeSpec) -> Tensor:
        """s · (product + residual), in W's shape."""
        shape = tuple(layer.weight.shape)
        made = weight_shapes.onto(self.product(layer, place), shape)
        if residual.present(self.tensors):
            made = made + residual.dense(self.tensors, shape, place)
        return made * self.scale

    def form(self, layer: Layer, place: ComputeSpec) -> Delta:
        """The short form, unless a whole residual or groups of channels make it dense."""
        if "bias" in self.tensors or layer.groups != 1:
            return Dense(self.change(layer, place))
        short = self.short_form(layer, place)
        if not residual.present(self.tensors) or isinstance(short, Dense):
            return short
        places, values = residual.sparse(self.tensors, tuple(layer.weight.shape), place)
        return residual.Beside(short, places, values * self.scale)
