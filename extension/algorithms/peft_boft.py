"""BOFT of the inputs, as PEFT writes it: W' = s ∘ W Mᵀ, M = M_m … M₁, the bias as it is.

M_t = P_t blockdiag(C(R_t)) P_tᵀ; C(R) = (I − S)(I + S)⁻¹, S = (R − Rᵀ)/2; P_t takes, within
groups of n / (K / 2ᵗ) columns, the even runs of b/2 columns before the odd ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..deltas import Delta, Dense, Layer, OutputMap
from ..errors import ModuleError
from ..records import Kind
from .base import Algorithm
from .boft import MOST_STAGES
from .channels import along, back, last, rows, vector
from .registry import Shape
from .rotation import blockwise, cayley
from .values import ComputeSpec


@dataclass(slots=True)
class ScaledRotation(OutputMap):
    """Wx → (1 + gain) ∘ W (Mᵀ x): one more product with W, as the scale is on the other side.

    `stages` (m, K, b, b) are C(R) − I, `gain` (o,) = s − 1, `order` (m, i) the permutations.
    """

    stages: Tensor
    gain: Tensor
    order: Tensor | None = None

    def turned(self, values: Tensor) -> Tensor:
        """What Mᵀ adds to (…, i), channels last: the last stage comes first."""
        if self.order is None:
            return blockwise(values, self.stages[0])
        added = torch.zeros_like(values)
        for blocks, order in zip(self.stages.flip(0), self.order.flip(0), strict=True):
            inverse = order.argsort()
            mixed = (values + added)[..., inverse]  # Pᵀ
            added = added + blockwise(mixed, blocks)[..., order]  # P
        return added

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """s ∘ W (Mᵀ x) − Wx."""
        assert wx is not None
        added = layer.base(back(layer, self.turned(last(layer, x))))
        return torch.addcmul(added, along(self.gain, layer, wx), wx + added)


def permutation(size: int, blocks: int, run: int) -> Tensor:
    """The order of `size` columns in one stage: of every group, even runs before odd ones."""
    group = max(size // blocks, 1)
    runs = torch.arange(group).reshape(-1, run)
    inner = torch.cat([runs[0::2], runs[1::2]]).flatten()
    return (torch.arange(0, size, group)[:, None] + inner).flatten()


class PeftBoft(Algorithm):
    """`boft_R` (m, K, b, b), `boft_s` (o, 1) or (1, o)."""

    name = "peft_boft"
    required = frozenset({"boft_R", "boft_s"})
    suffixes: ClassVar = {
        "boft_R": ("boft_R", "boft_R.{name}"),
        "boft_s": ("boft_s", "boft_s.{name}"),
    }
    needs_base = True  # for kernels

    def check(self) -> None:
        """Raises ModuleError where blocks are not square, or the stages too many for them."""
        shape = self.shape("boft_R")
        if len(shape) != 4 or shape[2] != shape[3]:
            raise ModuleError("form", f"boft_R should be (m, K, b, b) and is {shape}")
        stages, count, block, _ = shape
        if stages > 1 and (block % 2 or count % 2 ** min(stages - 1, MOST_STAGES)):
            raise ModuleError("form", f"has {stages} stages for {count} blocks of {block}")

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        """Raises ModuleError where K · b is not i · kh · kw."""
        _, count, block, _ = self.shape("boft_R")
        columns = math.prod(shape[1:])
        if kind == "norm" or count * block != columns:
            raise ModuleError("shape", f"has {count} blocks of {block}, the layer {columns} inputs")
        vector("boft_s", self.tensors["boft_s"], shape[0], "outputs")

    def map(self, place: ComputeSpec) -> ScaledRotation:
        """The stages and their permutations; with one stage there are none."""
        raw = self.get("boft_R", place)
        stages, count, block, _ = raw.shape
        size = count * block
        # The transform of −S: (I − S)(I + S)⁻¹ − I.
        turned = cayley((raw.mT - raw) / 2, place)
        gain = self.get("boft_s", place).flatten() - 1
        if stages == 1:
            return ScaledRotation(turned, gain)
        steps = range(stages)
        order = torch.stack([permutation(size, count // 2**t, block // 2) for t in steps])
        return ScaledRotation(turned, gain, order.to(place.device))

    def change(self, layer: Layer, place: ComputeSpec) -> Tensor:
        """s ∘ W Mᵀ − W."""
        weight = place.of(layer.weight)
        turn = self.map(place)
        # W Mᵀ by rows is M on the columns: the stages the other way, each block transposed.
        order = None if turn.order is None else turn.order.flip(0)
        mirrored = ScaledRotation(turn.stages.mT.flip(0), turn.gain, order)
        added = mirrored.turned(weight.flatten(1)).reshape(weight.shape)
        return added + rows(turn.gain, weight) * (weight + added)

    def form(self, layer: Layer, place: ComputeSpec) -> Delta:
        """On x and Wx; a kernel's columns are no channels, so that it is dense."""
        if math.prod(layer.weight.shape[2:]) != 1 or layer.groups != 1:
            return Dense(self.change(layer, place))
        return self.map(place)
