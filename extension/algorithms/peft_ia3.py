"""(IA)³ as PEFT writes it: the output (with its bias) or the input times `ia3_l`."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ..deltas import Delta
from ..errors import ModuleError
from ..records import Kind, Shape
from .base import Algorithm
from .ia3 import delta_weight, scaled
from .values import ComputeSpec
from .watched_layer import WatchedLayer
from .weight_shapes import refuse_norm

OUTPUTS = (
    "ia3_l of convolutions with as many inputs as outputs is read as a scale of the outputs: "
    "only adapter_config.json could say that the inputs are meant"
)


class PeftIa3(Algorithm):
    """`ia3_l`: (o, 1) scales Wx + b, (1, i) the input; (1, n, 1, 1) for convolutions either.

    Where a convolution has as many inputs as outputs, PEFT's configuration tells; without one the
    output is meant (PEFT's default).
    """

    name = "peft_ia3"
    required = frozenset({"ia3_l"})
    suffixes: ClassVar = {"ia3_l": ("ia3_l", "ia3_l.{name}")}

    @property
    def reading(self) -> str | None:
        """What a kernel's vector scales; it has as many dimensions for inputs as for outputs."""
        either = len(self.shape("ia3_l")) == 4 and self.settings.scales_input is None
        return OUTPUTS if either else None

    def by_output(self, shape: Shape) -> bool:
        """Does it scale the output of a layer of this shape? ModuleError where it fits neither."""
        made, size = self.shape("ia3_l"), self.tensors["ia3_l"].numel()
        if size not in shape[:2]:
            raise ModuleError(
                "shape",
                f"ia3_l has shape {made}; the layer has {shape[0]} outputs and {shape[1]} inputs",
            )
        if shape[0] == shape[1] and len(made) == 4 and self.settings.scales_input is not None:
            return not self.settings.scales_input
        matrix_of_inputs = len(made) == 2 and made[0] == 1 and size == shape[1]
        return size == shape[0] and not (matrix_of_inputs and size > 1)

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        refuse_norm(kind)
        self.by_output(shape)

    def gain(self, spec: ComputeSpec) -> Tensor:
        """l − 1."""
        return self.get("ia3_l", spec).flatten() - 1

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """(l − 1) ∘ W."""
        return delta_weight(spec.of(layer.weight), self.gain(spec), self.by_output(layer.shape))

    def runtime_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta:
        """A scale of Wx, or of x."""
        return scaled(self.gain(spec), self.by_output(layer.shape), layer.groups)

    def bias_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor | None:
        """(l − 1) ∘ b, where the output is scaled."""
        total = super().bias_delta(layer, spec)
        if not self.by_output(layer.shape) or layer.bias is None:
            return total
        own = self.gain(spec) * spec.of(layer.bias)
        return own if total is None else total + own
