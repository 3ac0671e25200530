"""The common part of all algorithms whose ΔW is s · up · down, perhaps with a core between."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..deltas import Delta, Layer, LowRank
from . import weight_shapes
from .additive import Additive
from .values import ComputeSpec


@dataclass(slots=True)
class Factors:
    """ΔW[o, i, kl] = Σ up[o, p] mid[p, q, kl] down[q, i]; without mid, Σ up[o, q] down[q, i, kl].

    `down` (r, i[, kh, kw]), `up` (o, r), `mid` (r, r, kh, kw); no scale in any of them.
    """

    down: Tensor
    up: Tensor
    mid: Tensor | None = None

    def folded(self) -> Factors:
        """The same without a core: mid · down is a (r, i, kh, kw) down."""
        if self.mid is None:
            return self
        down = torch.einsum("pqhw,qi->pihw", self.mid, weight_shapes.matrix(self.down))
        return Factors(down, self.up)

    def dense(self) -> Tensor:
        """(o, i[, kh, kw])."""
        whole = self.folded()
        return (whole.up @ whole.down.flatten(1)).reshape(-1, *whole.down.shape[1:])


class Factored(Additive):
    """Override `factors` and `made`."""

    def factors(self, layer: Layer, place: ComputeSpec) -> Factors:
        """The factors without the scale, at the used rank."""
        raise NotImplementedError

    def product(self, layer: Layer, place: ComputeSpec) -> Tensor:
        """up · mid · down."""
        return self.factors(layer, place).dense()

    def short_form(self, layer: Layer, place: ComputeSpec) -> Delta:
        """LowRank, with the core where the layer has a kernel of its size."""
        factors = self.factors(layer, place)
        up = factors.up * self.scale
        shape = tuple(layer.weight.shape)
        if factors.mid is not None and factors.mid.shape[2:] == layer.weight.shape[2:]:
            down = weight_shapes.onto(factors.down, (0, shape[1], 1, 1))
            return LowRank(weight_shapes.matrix(down), up, factors.mid)
        return LowRank(weight_shapes.onto(factors.folded().down, shape), up)
