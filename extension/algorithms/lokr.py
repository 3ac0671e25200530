"""LoKr: ΔW = s · w1 ⊗ w2. LyCORIS and PEFT.

W's outputs are (a, b) and its inputs (c, d) by w1 (a, c) and w2 (b, d[, kh, kw]), so that
ΔW x = w1 X w2ᵀ with X (c, d) the input's channels. Each of the two may itself be of low rank;
the scale is α / r with the rank of w2, else that of w1, and 1 where both are whole (whatever α
is there: LyCORIS). PEFT's configuration knows r and α where the tensors do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from ..deltas import Delta, Dense, Layer
from ..errors import ModuleError
from . import loose
from .additive import Additive
from .registry import Shape
from .values import Place

SLOTS = ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2")


@dataclass(slots=True)
class Kron(Delta):
    """w1 X (up · down)ᵀ. `w1` (a, c); `down` (r, d[, kh, kw]) and `up` (b, r), or w2 as `down`.

    w1 comes first (`early`), or between down and up, where fewest products are needed.
    """

    w1: Tensor
    down: Tensor
    up: Tensor | None = None
    early: bool = False

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """(…, c·d) → (…, a·b), or (n, c·d, h, w) → (n, a·b, h', w')."""
        return self._conv(layer, x) if layer.kind == "conv" else self._linear(x)

    def _linear(self, x: Tensor) -> Tensor:
        h = x.reshape(*x.shape[:-1], self.w1.shape[1], self.down.shape[1])  # (…, c, d)
        if self.early:
            h = self._mixed(h)
        h = F.linear(h, self.down)  # (…, c, r)
        if not self.early:
            h = self._mixed(h)
        if self.up is not None:
            h = F.linear(h, self.up)  # (…, a, b)
        return h.flatten(-2)

    def _mixed(self, h: Tensor) -> Tensor:
        """w1 on the second last axis: (…, c, n) → (…, a, n)."""
        return F.linear(h.transpose(-1, -2), self.w1).transpose(-1, -2)

    def _conv(self, layer: Layer, x: Tensor) -> Tensor:
        groups = self.w1.shape[1]
        h = layer.apply(
            x.reshape(-1, self.down.shape[1], *x.shape[2:]), self.down
        )  # (n·c, r, h', w')
        size = h.shape[2:]
        h = h.reshape(-1, groups, h.shape[1], size.numel())  # (n, c, r, p)
        h = torch.einsum("ac,ncrp->narp", self.w1, h)
        if self.up is not None:
            h = torch.einsum("br,narp->nabp", self.up, h)
        return h.reshape(h.shape[0], -1, *size)


class Lokr(Additive):
    """`lokr_w1` (a, c) or `_a` (a, r) `_b` (r, c); `lokr_w2` (b, d[, kh, kw]) or `_a` (b, r)
    `_b` (r, d·kh·kw), with the core `lokr_t2` (r, r, kh, kw) `_a` (r, b) and `_b` (r, d).
    """

    name = "lokr"
    required = frozenset({"lokr_w1", "lokr_w2"})
    suffixes: ClassVar = {slot: (slot, f"{slot}.{{name}}") for slot in SLOTS}

    @classmethod
    def claims(cls, shapes: Mapping[str, Shape]) -> bool:
        """Both halves, each whole or in two factors."""
        return all(
            half in shapes or {f"{half}_a", f"{half}_b"} <= shapes.keys()
            for half in ("lokr_w1", "lokr_w2")
        )

    @property
    def tucker(self) -> bool:
        """Has w2 a core?"""
        return "lokr_t2" in self.tensors and "lokr_w2" not in self.tensors

    def check(self) -> None:
        """Raises ModuleError where the ranks within a half differ."""
        self._first()
        self._second()

    def _first(self) -> tuple[int, int]:
        """(a, c)."""
        if "lokr_w1" in self.tensors:
            return loose.matrix_shape("lokr_w1", self.shape("lokr_w1"))
        a = loose.matrix_shape("lokr_w1_a", self.shape("lokr_w1_a"))
        b = loose.matrix_shape("lokr_w1_b", self.shape("lokr_w1_b"))
        if a[1] != b[0]:
            raise ModuleError(f"lokr_w1_a has rank {a[1]}, lokr_w1_b {b[0]}")
        return a[0], b[1]

    def _second(self) -> Shape:
        """(b, d, kh, kw), (b, d), or (b, d·kh·kw)."""
        if "lokr_w2" in self.tensors:
            shape = self.shape("lokr_w2")
            if len(shape) not in (2, 4):
                raise ModuleError(f"lokr_w2 should be a matrix or a kernel and is {shape}")
            return shape
        a = loose.matrix_shape("lokr_w2_a", self.shape("lokr_w2_a"))
        b = self.shape("lokr_w2_b")
        if len(b) < 2:
            raise ModuleError(f"lokr_w2_b should be (rank, inputs) and is {b}")
        ranks = (a[0] if self.tucker else a[1], b[0])
        if not self.tucker:
            if ranks[0] != ranks[1]:
                raise ModuleError(f"lokr_w2_a has rank {ranks[0]}, lokr_w2_b {ranks[1]}")
            return (a[0], *b[1:])
        core = self.shape("lokr_t2")
        if len(core) != 4 or core[:2] != ranks:
            raise ModuleError(f"lokr_t2 is {core}, between ranks {ranks[0]} and {ranks[1]}")
        return (a[1], loose.matrix_shape("lokr_w2_b", b)[1], *core[2:])

    @property
    def rank(self) -> int | None:
        """The rank of w2, else that of w1; None where both are whole."""
        for slot, whole in (("lokr_w2_b", "lokr_w2"), ("lokr_w1_b", "lokr_w1")):
            if whole not in self.tensors:
                return self.shape(slot)[0]
        return None

    @property
    def scale(self) -> float:
        """s: α / r; where both halves are whole 1, but α / r by PEFT's configuration."""
        if self.rank is None and "scale" not in self.tensors:
            alpha, rank = self.settings.alpha, self.settings.config.get("r")
            return alpha / rank if alpha and rank and "alpha" not in self.tensors else 1.0
        return super().scale

    def made(self) -> Shape:
        """(a·b, c·d[, kh, kw])."""
        (a, c), (b, d, *kernel) = self._first(), self._second()
        return (a * b, c * d, *kernel)

    def first(self, place: Place) -> Tensor:
        """w1 (a, c), at the used rank."""
        if "lokr_w1" in self.tensors:
            return loose.matrix(self.get("lokr_w1", place))
        used = self.settings.rank
        a = loose.matrix(self.get("lokr_w1_a", place))[:, :used]
        return a @ loose.matrix(self.get("lokr_w1_b", place))[:used]

    def second(self, place: Place) -> tuple[Tensor, Tensor | None]:
        """w2 (b, d[, …]) and None, or its down (r, d[, …]) and up (b, r) at the used rank."""
        if "lokr_w2" in self.tensors:
            return self.get("lokr_w2", place), None
        used = self.settings.rank
        a, b = loose.matrix(self.get("lokr_w2_a", place)), self.get("lokr_w2_b", place)[:used]
        if not self.tucker:
            return b, a[:, :used]
        core = self.get("lokr_t2", place)[:used, :used]
        return torch.einsum("pqhw,qd->pdhw", core, loose.matrix(b)), a[:used].t()

    def product(self, layer: Layer, place: Place) -> Tensor:
        """w1 ⊗ w2; kernels are the last part of w2's columns, so that they stay in their place."""
        down, up = self.second(place)
        whole = down.flatten(1) if up is None else up @ down.flatten(1)
        return torch.kron(self.first(place), whole.contiguous()).reshape(self.made())

    def short_form(self, layer: Layer, place: Place) -> Delta:
        """Kron, where W's inputs are just c·d."""
        shape = tuple(layer.weight.shape)
        rest = shape[1:]
        if loose.inputs(self.made()[1:], rest) != rest:
            return Dense(self.change(layer, place))
        w1 = self.first(place) * self.scale
        down, up = self.second(place)
        down = down.reshape(-1, rest[0] // w1.shape[1], *rest[1:])
        return Kron(w1, down, up, early=_early(w1, down, up) and layer.kind == "linear")


def _early(w1: Tensor, down: Tensor, up: Tensor | None) -> bool:
    """Is w1 cheaper on the d channels of the input than on the r between down and up?"""
    (a, c), (r, d) = w1.shape, down.shape[:2]
    late = c * d * r + a * c * r
    early = a * c * d + a * d * r
    return up is None and early < late
