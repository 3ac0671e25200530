"""Per-channel work on a layer's input or output, whichever axis its channels are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..deltas import InputMap, Layer, OutputMap
from ..errors import ModuleError


def last(layer: Layer, values: Tensor) -> Tensor:
    """`values` with the channels as the last axis."""
    return values.movedim(layer.channel_dim, -1)


def back(layer: Layer, values: Tensor) -> Tensor:
    """The reverse of `last`."""
    return values.movedim(-1, layer.channel_dim)


def rows(vector: Tensor, weight: Tensor) -> Tensor:
    """(o,) so that it broadcasts over the outputs of a weight (o, …)."""
    return vector.view(-1, *[1] * (weight.dim() - 1))


def columns(vector: Tensor, weight: Tensor) -> Tensor:
    """(i,) so that it broadcasts over the inputs of a weight (o, i, …)."""
    return vector.view(1, -1, *[1] * (weight.dim() - 2))


def vector(slot: str, tensor: Tensor, size: int, what: str) -> Tensor:
    """(size,) from any shape of so many elements; ModuleError otherwise."""
    if tensor.numel() != size:
        raise ModuleError(
            "shape", f"{slot} has {tensor.numel()} values; the layer has {size} {what}"
        )
    return tensor.flatten()


@dataclass(slots=True)
class OutputScale(OutputMap):
    """Wx → (1 + gain) ∘ Wx. `gain` (o,); for a norm layer the change of its weight."""

    gain: Tensor

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """gain ∘ Wx."""
        assert wx is not None
        return layer.along(self.gain, wx) * wx


@dataclass(slots=True)
class InputScale(InputMap):
    """x → (1 + gain) ∘ x. `gain` (i,)."""

    gain: Tensor

    def shift(self, layer: Layer, x: Tensor) -> Tensor:
        """(1 + gain) ∘ x, in one rounding."""
        return torch.addcmul(x, x, layer.along(self.gain, x))
