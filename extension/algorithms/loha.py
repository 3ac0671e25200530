"""LoHa: ΔW = s · (A1 B1) ∘ (A2 B2). Hyeon-Woo et al. 2021 (FedPara), LyCORIS and PEFT.

As a low rank form it has rank r²: the rows of `down` are all products of a row of B1 with one of
B2, the columns of `up` all products of columns of A1 and A2 (the Khatri–Rao products). It pays
as long as r²(i·k² + o) < o·i·k², in memory as in time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..deltas import Delta, Layer, LowRank
from ..errors import ModuleError
from ..records import Shape
from . import lora, residual, weight_shapes
from .base import Algorithm
from .values import ComputeSpec
from .watched_layer import WatchedLayer

FACTORS = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")
Half = tuple[Tensor, Tensor, Tensor | None]  # A (o, r), B (r, n), core (r, r, kh, kw)


def delta_weight(first: Half, second: Half) -> Tensor:
    """(A1 B1) ∘ (A2 B2), without the scale: (o, n), or (o, n, kh, kw) with cores.

    A (o, r), B (r, n) with n = i·kh·kw, or a core (r, r, kh, kw) between A and B (r, i).
    """
    (a1, b1, t1), (a2, b2, t2) = first, second
    return lora.delta_weight(b1, a1, t1).mul_(lora.delta_weight(b2, a2, t2))


def row_products(first: Tensor, second: Tensor) -> Tensor:
    """All products of a row of `first` (p, n) and one of `second` (q, n): (p·q, n)."""
    return (first[:, None] * second[None]).flatten(0, 1)


@dataclass(slots=True)
class HadamardTucker(Delta):
    """up(core(down x)) of rank r², whose core is multiplied out at each use.

    `down` (r², i), `up` (o, r²), `first` and `second` (r, r, kh, kw): the product (r², r², kh, kw)
    would be larger than the rest of the module.
    """

    down: Tensor
    up: Tensor
    first: Tensor
    second: Tensor

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """Two 1x1 convolutions around one of the kernel's size."""
        core = torch.einsum("pqhw,uvhw->puqvhw", self.first, self.second)
        core = core.flatten(2, 3).flatten(0, 1)
        return layer.pointwise(layer.apply(layer.pointwise(x, self.down), core), self.up)


class Loha(Algorithm):
    """`_a` (o, r), `_b` (r, i·kh·kw) or, from OneTrainer, (r, i, kh, kw).

    With `hada_t*` (r, r, kh, kw) `_a` is (r, o) and `_b` (r, i).
    """

    name = "loha"
    scaled = True
    required = frozenset(FACTORS)
    suffixes: ClassVar = {
        slot: (slot, f"{slot}.{{name}}") for slot in (*FACTORS, "hada_t1", "hada_t2")
    }

    @property
    def tucker(self) -> bool:
        """Are there cores?"""
        return "hada_t1" in self.tensors

    def check(self) -> None:
        if ("hada_t2" in self.tensors) != self.tucker:
            raise ModuleError("incomplete", "only one of the two halves of LoHa has a core")
        first, second = self._half("1"), self._half("2")
        if first != second:
            raise ModuleError("rank", f"its halves have different shapes, {first} and {second}")

    def _half(self, which: str) -> Shape:
        """The shape of A·B: (o, n), or (o, i, kh, kw)."""
        a = weight_shapes.matrix_shape(f"hada_w{which}_a", self.shape(f"hada_w{which}_a"))
        b = self.shape(f"hada_w{which}_b")
        if self.tucker or len(b) != 4:
            b = weight_shapes.matrix_shape(f"hada_w{which}_b", b)
        if not self.tucker:
            if a[1] != b[0]:
                raise ModuleError(
                    "rank", f"hada_w{which}_a has rank {a[1]}, hada_w{which}_b has rank {b[0]}"
                )
            return (a[0], *b[1:])
        core = self.shape(f"hada_t{which}")
        if len(core) != 4 or core[:2] != (a[0], b[0]):
            raise ModuleError(
                "rank", f"hada_t{which} has shape {core}, between ranks {a[0]} and {b[0]}"
            )
        return (a[1], b[1], *core[2:])

    @property
    def rank(self) -> int:
        """r, the rows of `hada_w1_b`: ΔW itself has rank r²."""
        return self.shape("hada_w1_b")[0]

    def delta_shape(self) -> Shape:
        """(o, i·kh·kw), or (o, i, kh, kw)."""
        return self._half("1")

    def half(self, which: str, spec: ComputeSpec) -> Half:
        """A, B and the core of one half, at the used rank; a core of 1x1 is multiplied into B."""
        used = self.used_rank
        a = weight_shapes.matrix(self.get(f"hada_w{which}_a", spec))
        b = self.get(f"hada_w{which}_b", spec)[:used].flatten(1)
        if not self.tucker:
            return a[:, :used], b, None
        core = self.get(f"hada_t{which}", spec)[:used, :used]
        if core.shape[2:].numel() == 1:
            return a[:used].t(), weight_shapes.matrix(core) @ b, None
        return a[:used].t(), b, core

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """s · ((A1 B1) ∘ (A2 B2) + residual)."""
        product = delta_weight(self.half("1", spec), self.half("2", spec))
        return residual.added(product, self.tensors, layer.shape, spec) * self.scale

    def factored_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta | None:
        """Rank r², unless the dense ΔW is smaller."""
        if "bias" in self.tensors:
            return None
        low = self._low_rank(layer.shape, spec)
        if low is None:
            return None
        return residual.beside(low, self.tensors, self.scale, layer.shape, spec)

    def _low_rank(self, shape: Shape, spec: ComputeSpec) -> Delta | None:
        (a1, b1, t1), (a2, b2, t2) = self.half("1", spec), self.half("2", spec)
        cores = sum(core.numel() for core in (t1, t2) if core is not None)
        ranks = a1.shape[1] * a2.shape[1]
        if ranks * (a1.shape[0] + b1.shape[1]) + cores >= math.prod(shape):
            return None
        up = row_products(a1.t() * self.scale, a2.t()).t()
        down = row_products(b1, b2)
        if t1 is None or t2 is None:
            return LowRank(weight_shapes.onto(down, shape), up)
        if t1.shape[2:] != shape[2:] or b1.shape[1] != shape[1]:
            return None
        return HadamardTucker(down, up, t1, t2)
