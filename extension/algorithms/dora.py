"""DoRA: W + ΔW with its rows or columns brought to trained lengths. Liu et al. 2024.

V = W + s · product;  W' = V ∘ d / ‖V‖, with ‖V‖ of every output's row (PEFT, LyCORIS since 3.2),
or of every input's column over outputs and kernel (LyCORIS before, OneTrainer by default).
`lora_magnitude_vector` and `magnitude` are always of the outputs, `dora_scale` by its shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..deltas import Delta, Dense, Layer, OutputMap
from ..errors import ModuleError
from ..records import Kind, Shape, Shapes
from . import weight_shapes
from .base import Algorithm, Settings
from .channels import InputScale, columns, rows
from .loha import Loha
from .lokr import Lokr
from .lora import Lora
from .values import ComputeSpec
from .watched_layer import WatchedLayer

LENGTHS = ("magnitude", "dora_scale")
LENGTHS_OF_ROWS = (
    "dora_scale has one dimension, on square layers too: it is read as the lengths of their rows"
)


@dataclass(slots=True)
class OutputDora(OutputMap):
    """Wx → (1 + gain) ∘ (Wx + inner(x)). `gain` (o,) = d / ‖V‖ − 1."""

    inner: Delta
    gain: Tensor

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """gain ∘ (Wx + inner(x)) + inner(x)."""
        assert wx is not None
        added = self.inner(layer, x, wx)
        return torch.addcmul(added, layer.along(self.gain, wx), wx + added)


def lengths(whole: Tensor, by_output: bool, dtype: torch.dtype) -> Tensor:
    """‖V‖ of the rows (o,) or of the columns (i,) of V (o, i, …), summed in `dtype`."""
    rest = tuple(axis for axis in range(whole.dim()) if axis != (0 if by_output else 1))
    length: Tensor = torch.linalg.vector_norm(whole, dim=rest, dtype=dtype)
    return length


def gain_of(magnitude: Tensor, length: Tensor) -> Tensor:
    """d / ‖V‖ − 1, of the same shape; a row of zeros stays zero."""
    return torch.where(length > 0, magnitude / length - 1, 0.0)


class Dora(Algorithm):
    """An additive algorithm with lengths beside it. Subclasses say `of` which."""

    family = "dora"
    of: ClassVar[type[Algorithm]]
    suffixes: ClassVar = {
        "dora_scale": ("dora_scale",),
        "magnitude": (
            "lora_magnitude_vector",
            "lora_magnitude_vector.weight",
            "lora_magnitude_vector.{name}",
            "lora_magnitude_vector.{name}.weight",
            "magnitude",
        ),
    }

    def __init__(self, tensors: Mapping[str, Tensor], *, settings: Settings | None = None) -> None:
        rest = {slot: tensor for slot, tensor in tensors.items() if slot not in LENGTHS}
        self.inner = self.of(rest, settings=settings)
        super().__init__(tensors, settings=settings)

    @classmethod
    def claims(cls, shapes: Shapes) -> bool:
        """Lengths, and all that the underlying algorithm needs."""
        return any(slot in shapes for slot in LENGTHS) and cls.of.claims(shapes)

    @classmethod
    def covers(cls, shapes: Shapes) -> set[str]:
        """The lengths, and what the underlying algorithm uses."""
        return cls.of.covers(shapes) | (set(LENGTHS) & set(shapes))

    def check(self) -> None:
        if all(slot in self.tensors for slot in LENGTHS):
            raise ModuleError(
                "ambiguous",
                "has both dora_scale and a magnitude vector: it is not clear which is meant",
            )

    @property
    def rank(self) -> int | None:
        """The rank of the underlying algorithm."""
        return self.inner.rank

    @property
    def used(self) -> Mapping[str, Tensor]:
        """The lengths, and what the underlying algorithm uses."""
        return {**self.inner.used, self.slot: self.tensors[self.slot]}

    @property
    def alpha(self) -> float | None:
        """α of the underlying algorithm."""
        return self.inner.alpha

    @property
    def slot(self) -> str:
        """Where the lengths are."""
        return next(slot for slot in LENGTHS if slot in self.tensors)

    @property
    def reading(self) -> str | None:
        """That of the underlying algorithm, and of lengths that could be rows' or columns'."""
        size = self.delta_shape()[:2]
        either = self.slot == "dora_scale" and size == self.shape(self.slot) * 2
        return LENGTHS_OF_ROWS if either else self.inner.reading

    def by_output(self, outputs: int, inputs: int) -> bool:
        """Are these lengths of rows? A plain vector on a square layer is PEFT's, so they are."""
        shape = self.shape(self.slot)
        size = self.tensors[self.slot].numel()
        if size not in (outputs, inputs) or (self.slot == "magnitude" and size != outputs):
            wanted = f"{outputs} outputs and {inputs} inputs"
            raise ModuleError("shape", f"{self.slot} has shape {shape}; the layer has {wanted}")
        if self.slot == "magnitude" or size != inputs:
            return True
        return size == outputs and not (len(shape) > 1 and shape[0] == 1 and size > 1)

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        weight_shapes.refuse_norm(kind)
        self.inner.fit_shape(kind, shape)
        self.by_output(shape[0], self._width(shape))

    def _width(self, shape: Shape) -> int:
        """The input channels that it was made for: 4 of an inpainting model's 9."""
        return weight_shapes.inputs(self.inner.delta_shape()[1:], shape[1:])[0]

    def delta_shape(self) -> Shape:
        """That of the underlying algorithm."""
        return self.inner.delta_shape()

    def gain(
        self, layer: WatchedLayer, product: Tensor, spec: ComputeSpec
    ) -> tuple[Tensor, Tensor, bool]:
        """d / ‖V‖ − 1, V = W + product, and whether the gain is per output."""
        width = self._width(layer.shape)
        whole = (spec.of(layer.weight) + product)[:, :width]
        by_output = self.by_output(layer.outputs, width)
        length = lengths(whole, by_output, spec.widest)
        magnitude = self.get(self.slot, spec).flatten().to(length.dtype)
        return gain_of(magnitude, length).to(spec.dtype), whole, by_output

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """V ∘ d / ‖V‖ − W = product + V ∘ gain."""
        product = self.inner.delta_weight(layer, spec)
        gain, whole, by_output = self.gain(layer, product, spec)
        product[:, : whole.shape[1]] += whole * (
            rows(gain, whole) if by_output else columns(gain, whole)
        )
        return product

    def runtime_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta:
        """The underlying algorithm's delta, on a scaled x or under a scaled output."""
        if weight_shapes.narrowed(self.delta_shape(), layer.shape):
            return Dense(self.delta_weight(layer, spec))
        gain, _, by_output = self.gain(layer, self.inner.delta_weight(layer, spec), spec)
        inner = self.inner.runtime_delta(layer, spec)
        if by_output:
            return OutputDora(inner, gain)
        return InputScale(gain.repeat(layer.groups), inner=inner)

    def bias_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor | None:
        """What the underlying algorithm adds to the bias."""
        return self.inner.bias_delta(layer, spec)


class DoraOfLora(Dora):
    """DoRA of LoRA."""

    name = "dora"
    of = Lora


class DoraOfLoha(Dora):
    """DoRA of LoHa, "DoHa"."""

    name = "doha"
    of = Loha


class DoraOfLokr(Dora):
    """DoRA of LoKr, "DoKr"."""

    name = "dokr"
    of = Lokr
