"""BOFT of the inputs, as PEFT writes it: W' = s ∘ W Mᵀ, M = M_m … M₁, the bias unchanged.

M_t = P_t blockdiag(C(R_t)) P_tᵀ; C(R) = (I − S)(I + S)⁻¹, S = (R − Rᵀ)/2; P_t takes, within
groups of n / (K / 2ᵗ) columns, the even runs of b/2 columns before the odd ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..deltas import Delta, Layer, OutputMap
from ..errors import ModuleError
from ..records import Kind, Shape
from .base import Algorithm
from .boft import MOST_STAGES
from .channels import back, last, rows, vector
from .rotation import blockwise, cayley
from .values import ComputeSpec
from .watched_layer import WatchedLayer
from .weight_shapes import refuse_norm


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
        return torch.addcmul(added, layer.along(self.gain, wx), wx + added)


def permutation(size: int, blocks: int, run: int) -> Tensor:
    """The order of `size` columns in one stage: of every group, even runs before odd ones."""
    group = max(size // blocks, 1)
    runs = torch.arange(group).reshape(-1, run)
    inner = torch.cat([runs[0::2], runs[1::2]]).flatten()
    return (torch.arange(0, size, group)[:, None] + inner).flatten()


def delta_weight(weight: Tensor, turn: ScaledRotation) -> Tensor:
    """s ∘ W Mᵀ − W, in W's shape (o, i, …)."""
    # W Mᵀ by rows is M on the columns: the stages the other way, each block transposed.
    order = None if turn.order is None else turn.order.flip(0)
    mirrored = ScaledRotation(turn.stages.mT.flip(0), turn.gain, order)
    added = mirrored.turned(weight.flatten(1)).reshape(weight.shape)
    return added + rows(turn.gain, weight) * (weight + added)


class PeftBoft(Algorithm):
    """`boft_R` (m, K, b, b), `boft_s` (o, 1) or (1, o)."""

    name = "peft_boft"
    required = frozenset({"boft_R", "boft_s"})
    suffixes: ClassVar = {
        "boft_R": ("boft_R", "boft_R.{name}"),
        "boft_s": ("boft_s", "boft_s.{name}"),
    }

    def check(self) -> None:
        shape = self.shape("boft_R")
        if len(shape) != 4 or shape[2] != shape[3]:
            raise ModuleError("form", f"boft_R has shape {shape}; expected (m, K, b, b)")
        stages, count, block, _ = shape
        if stages > 1 and (block % 2 or count % 2 ** min(stages - 1, MOST_STAGES)):
            raise ModuleError("form", f"{stages} stages are too many for {count} blocks of {block}")

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        _, count, block, _ = self.shape("boft_R")
        columns = math.prod(shape[1:])
        refuse_norm(kind)
        if count * block != columns:
            made = f"{count} blocks of {block} are for {count * block} inputs"
            raise ModuleError("shape", f"{made}; the layer has {columns}")
        vector("boft_s", self.tensors["boft_s"], shape[0], "outputs")

    def map(self, spec: ComputeSpec) -> ScaledRotation:
        """The stages and their permutations; with one stage there are none."""
        raw = self.get("boft_R", spec)
        stages, count, block, _ = raw.shape
        size = count * block
        # The transform of −S: (I − S)(I + S)⁻¹ − I.
        turned = cayley((raw.mT - raw) / 2, spec)
        gain = self.get("boft_s", spec).flatten() - 1
        if stages == 1:
            return ScaledRotation(turned, gain)
        steps = range(stages)
        order = torch.stack([permutation(size, count // 2**t, block // 2) for t in steps])
        return ScaledRotation(turned, gain, order.to(spec.device))

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """s ∘ W Mᵀ − W."""
        return delta_weight(spec.of(layer.weight), self.map(spec))

    def factored_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta | None:
        """On x and Wx; a kernel's columns are no channels."""
        return self.map(spec) if math.prod(layer.shape[2:]) == 1 else None
