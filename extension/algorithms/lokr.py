"""LoKr: ΔW = s · w1 ⊗ w2. LyCORIS and PEFT.

W's outputs are (a, b) and its inputs (c, d) by w1 (a, c) and w2 (b, d[, kh, kw]), so that
ΔW x = w1 X w2ᵀ with X (c, d) the input's channels. Each of the two may itself be of low rank;
the scale is α / r with the rank of w2, else that of w1, and 1 where both are whole (whatever α
is there: LyCORIS). PEFT's configuration knows r and α where the tensors do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ..deltas import Delta
from ..errors import ModuleError
from ..records import Shape, Shapes
from . import lora, residual, weight_shapes
from .base import Algorithm
from .kron import Kron
from .values import ComputeSpec
from .watched_layer import WatchedLayer

SLOTS = ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2")


def delta_weight(w1: Tensor, w2: Tensor) -> Tensor:
    """w1 ⊗ w2, without the scale: (a·b, c·d·kh·kw).

    `w1` (a, c), `w2` (b, d[, kh, kw]): kernels are the last part of w2's columns, so that they
    stay together.
    """
    return torch.kron(w1, w2.flatten(1).contiguous())


class Lokr(Algorithm):
    """`lokr_w1` (a, c) or `_a` (a, r) `_b` (r, c); `lokr_w2` (b, d[, kh, kw]) or `_a` (b, r)
    `_b` (r, d·kh·kw), with the core `lokr_t2` (r, r, kh, kw) `_a` (r, b) and `_b` (r, d).
    """

    name = "lokr"
    scaled = True
    required = frozenset({"lokr_w1", "lokr_w2"})
    suffixes: ClassVar = {slot: (slot, f"{slot}.{{name}}") for slot in SLOTS}

    @classmethod
    def claims(cls, shapes: Shapes) -> bool:
        """Both halves, each whole or in two factors."""
        return all(
            half in shapes or {f"{half}_a", f"{half}_b"} <= shapes.keys()
            for half in ("lokr_w1", "lokr_w2")
        )

    @property
    def tucker(self) -> bool:
        """Is there a core in w2?"""
        return "lokr_t2" in self.tensors and "lokr_w2" not in self.tensors

    def check(self) -> None:
        self._first()
        self._second()

    def _first(self) -> tuple[int, int]:
        """(a, c)."""
        if "lokr_w1" in self.tensors:
            return weight_shapes.matrix_shape("lokr_w1", self.shape("lokr_w1"))
        a = weight_shapes.matrix_shape("lokr_w1_a", self.shape("lokr_w1_a"))
        b = weight_shapes.matrix_shape("lokr_w1_b", self.shape("lokr_w1_b"))
        if a[1] != b[0]:
            raise ModuleError("rank", f"lokr_w1_a has rank {a[1]}, lokr_w1_b has rank {b[0]}")
        return a[0], b[1]

    def _second(self) -> Shape:
        """(b, d, kh, kw), (b, d), or (b, d·kh·kw)."""
        if "lokr_w2" in self.tensors:
            shape = self.shape("lokr_w2")
            if len(shape) not in (2, 4):
                raise ModuleError(
                    "form", f"lokr_w2 has shape {shape}; expected a matrix or a kernel"
                )
            return shape
        a = weight_shapes.matrix_shape("lokr_w2_a", self.shape("lokr_w2_a"))
        b = self.shape("lokr_w2_b")
        if len(b) < 2:
            raise ModuleError("form", f"lokr_w2_b has shape {b}; expected (rank, inputs)")
        ranks = (a[0] if self.tucker else a[1], b[0])
        if not self.tucker:
            if ranks[0] != ranks[1]:
                raise ModuleError(
                    "rank", f"lokr_w2_a has rank {ranks[0]}, lokr_w2_b has rank {ranks[1]}"
                )
            return (a[0], *b[1:])
        core = self.shape("lokr_t2")
        if len(core) != 4 or core[:2] != ranks:
            raise ModuleError(
                "rank", f"lokr_t2 has shape {core}, between ranks {ranks[0]} and {ranks[1]}"
            )
        return (a[1], weight_shapes.matrix_shape("lokr_w2_b", b)[1], *core[2:])

    @property
    def rank(self) -> int | None:
        """The rank of w2, else that of w1; None where both are whole."""
        for slot, whole in (("lokr_w2_b", "lokr_w2"), ("lokr_w1_b", "lokr_w1")):
            if whole not in self.tensors:
                return self.shape(slot)[0]
        return None

    @property
    def used(self) -> Mapping[str, Tensor]:
        """Without α, where both halves are whole: ai-toolkit writes an infinite one there."""
        unused = {"alpha"} if self.rank is None else set()
        return {slot: tensor for slot, tensor in self.tensors.items() if slot not in unused}

    @property
    def alpha(self) -> float | None:
        """α; where both halves are whole only PEFT's configuration can have one."""
        if self.rank is not None:
            return super().alpha
        return None if "alpha" in self.tensors else self.settings.alpha

    @property
    def scale(self) -> float:
        """s: α / r; where both halves are whole 1, but α / r by PEFT's configuration."""
        if self.rank is None and "scale" not in self.tensors:
            alpha, rank = self.alpha, self.settings.trained_rank
            return alpha / rank if alpha and rank else 1.0
        return super().scale

    def delta_shape(self) -> Shape:
        """(a·b, c·d[, kh, kw])."""
        (a, c), (b, d, *kernel) = self._first(), self._second()
        return (a * b, c * d, *kernel)

    def first(self, spec: ComputeSpec) -> tuple[Tensor, ...]:
        """w1 (a, c), or its down (r, c) and up (a, r) at the used rank."""
        if "lokr_w1" in self.tensors:
            return (weight_shapes.matrix(self.get("lokr_w1", spec)),)
        used = self.settings.rank
        up = weight_shapes.matrix(self.get("lokr_w1_a", spec))[:, :used]
        down = weight_shapes.matrix(self.get("lokr_w1_b", spec))[:used]
        smaller = down.numel() + up.numel() < up.shape[0] * down.shape[1]
        return (down, up) if smaller else (up @ down,)

    def second(self, spec: ComputeSpec) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """w2 (b, d[, …]); or its down (r, d[, …]), up (b, r) and core at the used rank."""
        if "lokr_w2" in self.tensors:
            return self.get("lokr_w2", spec), None, None
        used = self.settings.rank
        a, b = (
            weight_shapes.matrix(self.get("lokr_w2_a", spec)),
            self.get("lokr_w2_b", spec)[:used],
        )
        if not self.tucker:
            return b, a[:, :used], None
        core = self.get("lokr_t2", spec)[:used, :used]
        if core.shape[2:].numel() == 1:
            return weight_shapes.matrix(core) @ weight_shapes.matrix(b), a[:used].t(), None
        return b, a[:used].t(), core

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """s · (w1 ⊗ w2 + residual)."""
        w1 = self.first(spec)
        w2, up, core = self.second(spec)
        if up is not None:
            w2 = lora.delta_weight(w2, up, core)
        product = delta_weight(w1[0] if len(w1) == 1 else w1[1] @ w1[0], w2)
        product = product.reshape(self.delta_shape())
        return residual.added(product, self.tensors, layer.shape, spec) * self.scale

    def factored_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta | None:
        """Kron, where W's inputs are just c·d."""
        rest = layer.shape[1:]
        if "bias" in self.tensors or weight_shapes.inputs(self.delta_shape()[1:], rest) != rest:
            return None
        w1 = self.first(spec)
        down, up, core = self.second(spec)
        channels = rest[0] // w1[0].shape[1]
        kernel = rest[1:] if core is None else (1,) * len(rest[1:])
        down = down.reshape(-1, channels, *kernel)
        early = layer.kind == "linear" and _early(w1, down, up)
        kron = Kron((*w1[:-1], w1[-1] * self.scale), down, up, core, early=early)
        return residual.beside(kron, self.tensors, self.scale, layer.shape, spec)


def _early(w1: tuple[Tensor, ...], down: Tensor, up: Tensor | None) -> bool:
    """Is w1 cheaper on the d channels of the input than on the rows of a whole w2?"""
    (b, d), (a, c) = down.shape[:2], (w1[-1].shape[0], w1[0].shape[1])
    mixing = sum(matrix.numel() for matrix in w1)
    return up is None and mixing * d + a * d * b < c * d * b + mixing * b
