"""w1 ⊗ w2 beside a layer, without their product."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..deltas import Delta, Layer


@dataclass(slots=True)
class Kron(Delta):
    """w1 X w2ᵀ with X (c, d) the channels of the input, w2 = up · core · down.

    `mix` are w1 (a, c), or its factors (r, c) and (a, r). `down` is w2 (b, d[, kh, kw]), or
    (r, d[, kh, kw]) below `up` (b, r), or (r, d, 1, 1) below `core` (r, r, kh, kw) and `up`.
    w1 is applied first (`early`) or between down and up, whichever takes fewer products.
    """

    mix: tuple[Tensor, ...]
    down: Tensor
    up: Tensor | None = None
    core: Tensor | None = None
    early: bool = False

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """(…, c·d) → (…, a·b), or (n, c·d, h, w) → (n, a·b, h', w')."""
        return self._conv(layer, x) if layer.kind == "conv" else self._linear(x)

    def _linear(self, x: Tensor) -> Tensor:
        h = x.reshape(*x.shape[:-1], self.mix[0].shape[1], self.down.shape[1])  # (…, c, d)
        if self.early:
            h = self._mixed(h)
        h = F.linear(h, self.down)  # (…, c, r)
        if not self.early:
            h = self._mixed(h)
        return (h if self.up is None else F.linear(h, self.up)).flatten(-2)  # (…, a·b)

    def _mixed(self, h: Tensor) -> Tensor:
        """w1 on the second last axis: (…, c, n) → (…, a, n)."""
        h = h.transpose(-1, -2)
        for matrix in self.mix:
            h = F.linear(h, matrix)
        return h.transpose(-1, -2)

    def _conv(self, layer: Layer, x: Tensor) -> Tensor:
        groups = self.mix[0].shape[1]
        h = x.reshape(-1, self.down.shape[1], *x.shape[2:])  # (n·c, d, h, w)
        if self.core is None:
            h = layer.apply(h, self.down)
        else:
            h = layer.apply(F.conv2d(h, self.down), self.core)
        size = h.shape[2:]
        h = h.reshape(-1, groups, h.shape[1], size.numel())  # (n, c, r, p)
        for matrix in self.mix:
            h = torch.einsum("ac,ncrp->narp", matrix, h)
        if self.up is not None:
            h = torch.einsum("br,narp->nabp", self.up, h)
        return h.reshape(h.shape[0], -1, *size)
