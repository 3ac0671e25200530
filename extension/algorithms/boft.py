"""BOFT of the outputs: a butterfly of rotations. Liu et al. 2023, as LyCORIS writes it.

In stage t the channels (c, 2, k), k = 2ᵗ · b/2, are reordered to (c, k, 2), so that blocks of b
neighbours mix channels k apart; each block is turned by R (not Rᵀ, as in diag-OFT), and the
channels go back. R is made and constrained as in OFT, over the blocks of all stages together.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..deltas import Delta, Layer, OutputMap
from ..errors import ModuleError
from ..records import Kind, Shape, Shapes
from .channels import back, last, vector
from .oft import Oft
from .rotation import blockwise, bounded, cayley, skewed
from .values import ComputeSpec
from .watched_layer import WatchedLayer
from .weight_shapes import refuse_norm

MOST_STAGES = 32


def butterfly(values: Tensor, stages: Tensor) -> Tensor:
    """What all stages together add to the channels (…, o), the last axis.

    `stages` (m, K, b, b) are (R − I)ᵀ. The change alone is carried on: a difference costs digits.
    """
    added = torch.zeros_like(values)
    half = stages.shape[-1] // 2
    for stage, blocks in enumerate(stages):
        apart = 2**stage * half
        mixed = _swapped(values + added, 2, apart)
        added = added + _swapped(blockwise(mixed, blocks), apart, 2)
    return added


def _swapped(values: Tensor, first: int, second: int) -> Tensor:
    """Channels (c, first, second) as (c, second, first)."""
    parted = values.reshape(*values.shape[:-1], -1, first, second)
    return parted.transpose(-1, -2).flatten(-3)


@dataclass(slots=True)
class Butterfly(OutputMap):
    """Wx → (1 + gain) ∘ butterfly(Wx). `stages` (m, K, b, b), `gain` (o,) = ρ − 1."""

    stages: Tensor
    gain: Tensor | None = None

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """The change, by ρ: gain ∘ (Wx + added) + added."""
        assert wx is not None
        return back(layer, self.change(last(layer, wx)))

    def change(self, values: Tensor) -> Tensor:
        """(…, o) → (…, o), channels last."""
        added = butterfly(values, self.stages)
        return added if self.gain is None else added + self.gain * (values + added)


class Boft(Oft):
    """`oft_blocks` (m, K, b, b) = B of every stage, perhaps `rescale` (o, 1…)."""

    name = "boft"
    family = "oft_blocks"

    @classmethod
    def claims(cls, shapes: Shapes) -> bool:
        """Blocks by stage and place; by place alone they are OFT."""
        return len(shapes.get("oft_blocks", ())) == 4

    def check(self) -> None:
        stages, count, block, width = self.size()
        if block != width or block % 2:
            raise ModuleError(
                "form", f"its blocks have shape {self.size()}; expected square ones of even size"
            )
        if stages > MOST_STAGES or (count * block) % (2**stages * (block // 2)):
            raise ModuleError("form", f"{stages} stages are too many for {count} blocks of {block}")

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        _, count, block, _ = self.size()
        refuse_norm(kind)
        if count * block != shape[0]:
            made = f"{count} blocks of {block} are for {count * block} outputs"
            raise ModuleError("shape", f"{made}; the layer has {shape[0]}")
        if "rescale" in self.tensors:
            vector("rescale", self.tensors["rescale"], shape[0], "outputs")

    def map(self, outputs: int, spec: ComputeSpec) -> Butterfly:
        """The stages as (R − I)ᵀ, and ρ − 1."""
        skew = bounded(skewed(self.get("oft_blocks", spec)), (self.alpha or 0.0) * outputs)
        stages = cayley(skew, spec).mT
        if "rescale" not in self.tensors:
            return Butterfly(stages)
        return Butterfly(stages, self.get("rescale", spec).flatten() - 1)

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """The butterfly on the rows of W."""
        weight = spec.of(layer.weight)
        turned = self.map(layer.outputs, spec).change(weight.flatten(1).t())
        return turned.t().reshape(weight.shape)

    def factored_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta | None:
        """The butterfly on Wx."""
        return self.map(layer.outputs, spec)
