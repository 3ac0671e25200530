"""Low rank added to a layer's output: settled for one case, with no decision left at a call.

Each function here makes an `Add`. All of them say the same, out += (m ∘ (x Aᵀ)) Bᵀ, for weights m
that are one number, one for each rank, or for each row and rank. The one condition in an `Add`
sends what it was not settled for (another dtype, device or stride, gradients) to `otherwise`. It
is written out in each: a function for it would be one more Python call for every layer and step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from ..deltas import Layer, LowRank

Add = Callable[[Tensor, Tensor], Tensor]  # (x, out) → out, changed in place
Over = Callable[[Tensor], Tensor]  # a layer's output → masks of each rank over its places


def by_number(low: LowRank, numbers: Sequence[float], column: int, otherwise: Add) -> Add:
    """A linear layer, and the number that stands in `numbers` when it is called: 2 kernels."""
    down, up_t = low.down, low.up.t()
    rank, outputs, dtype, device = *up_t.shape, down.dtype, down.device

    def add(x: Tensor, out: Tensor) -> Tensor:
        if (
            x.dtype is not dtype
            or out.dtype is not dtype
            or x.device != device
            or out.requires_grad
            or not out.is_contiguous()
        ):
            return otherwise(x, out)
        h = F.linear(x, down).view(-1, rank)  # (rows · tokens, r)
        out.view(-1, outputs).addmm_(h, up_t, alpha=numbers[column])
        return out

    return add


def by_vector(low: LowRank, weights: Tensor, otherwise: Add) -> Add:
    """A linear layer, and weights (rows or 1, r): 3 kernels."""
    down, up_t = low.down, low.up.t()
    rank, outputs, dtype, device = *up_t.shape, down.dtype, down.device
    rows = weights.shape[0]

    def add(x: Tensor, out: Tensor) -> Tensor:
        if (
            x.dtype is not dtype
            or out.dtype is not dtype
            or x.device != device
            or out.requires_grad
            or not out.is_contiguous()
            or (rows > 1 and x.shape[0] != rows)
        ):
            return otherwise(x, out)
        h = F.linear(x, down).view(rows, -1, rank).mul_(weights[:, None])  # (rows, tokens, r)
        out.view(-1, outputs).addmm_(h.view(-1, rank), up_t)
        return out

    return add


@dataclass(frozen=True, slots=True)
class RowFactors:
    """Factors of each row, padded with zeros to the largest rank: (s, i, r) and (s, r, o).

    The batch is `times` times all of them in this order, each for `repeats` rows.
    """

    down: Tensor
    up: Tensor
    repeats: int = 1
    times: int = 1

    @classmethod
    def of(
        cls, rows: Sequence[Sequence[tuple[LowRank, float]]], repeats: int = 1, times: int = 1
    ) -> RowFactors:
        """Each row's factors, their weights put into B."""
        like = next(low for row in rows for low, _ in row)
        rank = max(sum(low.up.shape[1] for low, _ in row) for row in rows)
        down = like.down.new_zeros(len(rows), rank, like.down.shape[1])
        up = like.up.new_zeros(len(rows), rank, like.up.shape[0])
        for index, row in enumerate(rows):
            start = 0
            for low, weight in row:
                part = slice(start, start := start + low.up.shape[1])
                down[index, part], up[index, part] = low.down, low.up.t() * weight
        return cls(down.mT, up, repeats, times)


def by_row(own: RowFactors, weights: Tensor | None, otherwise: Add) -> Add:
    """A linear layer whose rows have factors of their own: 2 kernels, times `own.times`.

    `weights` (rows, r) is a third one.
    """
    down, up, times = own.down, own.up, own.times
    (sets, inputs, _), outputs = down.shape, up.shape[2]
    rows, dtype, device = times * sets * own.repeats, down.dtype, down.device

    def add(x: Tensor, out: Tensor) -> Tensor:
        if (
            x.dtype is not dtype
            or out.dtype is not dtype
            or x.device != device
            or out.requires_grad
            or not out.is_contiguous()
            or x.shape[0] != rows
        ):
            return otherwise(x, out)
        tokens = x.numel() // (times * sets * inputs)  # of all repeats of a row
        x, flat = x.reshape(times, sets, tokens, inputs), out.view(times, sets, tokens, outputs)
        for part, target in zip(x, flat, strict=True):
            h = part.bmm(down)  # (sets, tokens, r)
            target.baddbmm_(h if weights is None else h.mul_(weights[:, None]), up)
        return out

    return add


def by_place(low: LowRank, over: Over, weights: Tensor | None, otherwise: Add) -> Add:
    """A linear layer and masks on h, `over(out)` (tokens, r) or (r,), or by row: 3 kernels.

    `weights` (rows or 1, r) is a fourth one.
    """
    down, up_t = low.down, low.up.t()
    rank, outputs, dtype, device = *up_t.shape, down.dtype, down.device
    rows = 1 if weights is None else weights.shape[0]

    def add(x: Tensor, out: Tensor) -> Tensor:
        if (
            x.dtype is not dtype
            or out.dtype is not dtype
            or x.device != device
            or out.requires_grad
            or not out.is_contiguous()
            or (rows > 1 and x.shape[0] != rows)
        ):
            return otherwise(x, out)
        h = F.linear(x, down).mul_(over(out))  # (rows, tokens, r)
        if weights is not None:
            h = h.view(rows, -1, rank).mul_(weights[:, None])
        out.view(-1, outputs).addmm_(h.view(-1, rank), up_t)
        return out

    return add


def on_conv(
    layer: Layer, low: LowRank, numbers: Sequence[float], column: int, otherwise: Add
) -> Add:
    """A convolution without groups, zeros around it, and one number: 2 kernels."""
    down, up = low.down, low.up
    (outputs, rank), dtype, device = up.shape, down.dtype, down.device
    stride, padding, dilation = layer.stride, layer.padding, layer.dilation

    def add(x: Tensor, out: Tensor) -> Tensor:
        if (
            x.dtype is not dtype
            or out.dtype is not dtype
            or x.device != device
            or out.requires_grad
            or not out.is_contiguous()
            or x.dim() != 4
        ):
            return otherwise(x, out)
        n = x.shape[0]
        h = F.conv2d(x, down, None, stride, padding, dilation)  # (n, r, h', w')
        h = h.reshape(n, rank, -1)
        out.view(n, outputs, -1).baddbmm_(up.expand(n, -1, -1), h, alpha=numbers[column])
        return out

    return add


def on_conv_by_vector(layer: Layer, low: LowRank, weights: Tensor, otherwise: Add) -> Add:
    """The same with weights (rows or 1, r): 3 kernels."""
    down, up = low.down, low.up
    (outputs, rank), dtype, device = up.shape, down.dtype, down.device
    stride, padding, dilation = layer.stride, layer.padding, layer.dilation
    rows = weights.shape[0]

    def add(x: Tensor, out: Tensor) -> Tensor:
        if (
            x.dtype is not dtype
            or out.dtype is not dtype
            or x.device != device
            or out.requires_grad
            or not out.is_contiguous()
            or x.dim() != 4
            or (rows > 1 and x.shape[0] != rows)
        ):
            return otherwise(x, out)
        n = x.shape[0]
        h = F.conv2d(x, down, None, stride, padding, dilation).mul_(weights[:, :, None, None])
        out.view(n, outputs, -1).baddbmm_(up.expand(n, -1, -1), h.reshape(n, rank, -1))
        return out

    return add


def on_conv_by_place(
    layer: Layer, low: LowRank, over: Over, weights: Tensor | None, otherwise: Add
) -> Add:
    """A convolution and masks on h, `over(out)` (r, h', w') or by row: 3 kernels.

    `weights` is a fourth one.
    """
    down, up = low.down, low.up
    (outputs, rank), dtype, device = up.shape, down.dtype, down.device
    stride, padding, dilation = layer.stride, layer.padding, layer.dilation
    rows = 1 if weights is None else weights.shape[0]

    def add(x: Tensor, out: Tensor) -> Tensor:
        if (
            x.dtype is not dtype
            or out.dtype is not dtype
            or x.device != device
            or out.requires_grad
            or not out.is_contiguous()
            or x.dim() != 4
            or (rows > 1 and x.shape[0] != rows)
        ):
            return otherwise(x, out)
        n = x.shape[0]
        h = F.conv2d(x, down, None, stride, padding, dilation).mul_(over(out))
        if weights is not None:
            h.mul_(weights[:, :, None, None])
        out.view(n, outputs, -1).baddbmm_(up.expand(n, -1, -1), h.reshape(n, rank, -1))
        return out

    return add
