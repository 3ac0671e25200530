"""(IA)³ as PEFT writes it: the output, bias and all, or the input times `ia3_l`."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ..deltas import Delta, Layer
from ..errors import ModuleError
from ..records import Kind
from .base import Algorithm
from .channels import InputScale, OutputScale, columns, rows
from .registry import Shape
from .values import ComputeSpec
from .weight_shapes import refuse_norm


class PeftIa3(Algorithm):
    """`ia3_l`: (o, 1) scales Wx + b, (1, i) the input; (1, n, 1, 1) for convolutions either.

    Where a convolution has as many inputs as outputs, the output is meant (PEFT's default).
    """

    name = "peft_ia3"
    required = frozenset({"ia3_l"})
    suffixes: ClassVar = {"ia3_l": ("ia3_l", "ia3_l.{name}")}
    needs_base = True  # the bias

    def by_output(self, shape: Shape) -> bool:
        """Does it scale the output of a layer of this shape? ModuleError where it fits neither."""
        made, size = self.shape("ia3_l"), self.tensors["ia3_l"].numel()
        if size not in shape[:2]:
            raise ModuleError(
                "shape", f"ia3_l is {made}, the layer has {shape[0]} outputs, {shape[1]} inputs"
            )
        matrix_of_inputs = len(made) == 2 and made[0] == 1 and size == shape[1]
        return size == shape[0] and not (matrix_of_inputs and size > 1)

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        """Raises ModuleError where the layer has another number of channels."""
        refuse_norm(kind)
        self.by_output(shape)

    def gain(self, place: ComputeSpec) -> Tensor:
        """l − 1."""
        return self.get("ia3_l", place).flatten() - 1

    def change(self, layer: Layer, place: ComputeSpec) -> Tensor:
        """(l − 1) ∘ W."""
        weight, gain = place.of(layer.weight), self.gain(place)
        outputs = self.by_output(tuple(weight.shape))
        return weight * (rows(gain, weight) if outputs else columns(gain, weight))

    def form(self, layer: Layer, place: ComputeSpec) -> Delta:
        """A scale of Wx, or of x."""
        gain = self.gain(place)
        outputs = self.by_output(tuple(layer.weight.shape))
        return OutputScale(gain) if outputs else InputScale(gain.repeat(layer.groups))

    def bias_change(self, layer: Layer, place: ComputeSpec) -> Tensor | None:
        """(l − 1) ∘ b, where the output is scaled."""
        total = super().bias_change(layer, place)
        if layer.bias is None or not self.by_output(tuple(layer.weight.shape)):
            return total
        own = self.gain(place) * place.of(layer.bias)
        return own if total is None else total + own
