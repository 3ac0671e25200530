"""How strongly networks act: ‖ΔWx‖ against ‖Wx‖ on every layer, from the very run.

    ‖ΔWx‖² = Σ_t h_tᵀ (BᵀB) h_t          ⟨Δ_i x, Δ_j x⟩ = Σ_t h_iᵀ (B_iᵀB_j) h_j          h = A x

for low rank: r×r Gram matrices, made once, and no tensor of the output's size. Other algorithms
have Δx computed a second time. Sums are over the channels of a token in 32 bits, over tokens in 64:
torch's own norm of 10 M values in 32 bits was 4e-4 off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..deltas import Layer
from ..records import Row, TargetKey
from .observing import LayerCall, Share

CHUNK = {"cpu": 1 << 15}  # elements of Wx without bias at a time: what a core's cache holds
LARGE_CHUNK = 1 << 23


@dataclass(frozen=True, slots=True)
class Moment:
    """A step of a pass; texts are read in none, they come before the first."""

    hires: bool
    step: int


@dataclass(frozen=True, slots=True, eq=False)
class CallSums:
    """One call of one layer, row by row.

    `sums` (rows, 1 + pairs) are ‖Wx‖² and ⟨Δ_i x, Δ_j x⟩ at weight 1 for i ≤ j in the order of
    `shares`, which are networks with their weights for each row.
    """

    target: TargetKey
    moments: tuple[Moment, ...]
    rows: tuple[Row, ...]
    shares: tuple[tuple[int, tuple[float, ...]], ...]
    sums: Tensor


class Measuring:
    """An observer that keeps the sums of every call; they stay on the device until asked for."""

    def __init__(self) -> None:
        self.calls: list[CallSums] = []
        self._grams: dict[tuple[TargetKey, int, int], tuple[Tensor, Tensor, Tensor]] = {}

    def called(self, call: LayerCall) -> None:
        """Sums up one call."""
        columns = [squares_without_bias(call), *self._products(call)]
        moments = tuple(Moment(one.hires, one.step) for one in call.progress)
        shares = tuple((share.network, share.weights) for share in call.shares)
        sums = torch.stack(columns, dim=1)
        self.calls.append(CallSums(call.target, moments, call.rows, shares, sums))

    def let_go(self) -> None:
        """Of what was made for the device."""
        self._grams.clear()

    def _products(self, call: LayerCall) -> Iterator[Tensor]:
        """(rows,) for each pair."""
        values = [_tokens(call.layer, share) for share in call.shares]
        for i, (one, x) in enumerate(zip(call.shares, values, strict=True)):
            for j, (other, y) in enumerate(zip(call.shares, values, strict=True)):
                if i == j and one.up is None:
                    yield _squares(x)
                elif i <= j:
                    key = call.target, i, j
                    yield _summed((self._moved(key, one.up, x, other.up) * y).sum(-1))

    def _moved(
        self, key: tuple[TargetKey, int, int], up: Tensor | None, x: Tensor, other: Tensor | None
    ) -> Tensor:
        """One's values (rows, tokens, …) to where the product with the other's is that of both Δx.

        Those are in the ranks of each, and in the outputs where there is no B.
        """
        if up is not None and other is not None:
            return x @ self._gram(key, up, other)
        if up is not None:
            return x @ _wide(up).t()
        return x if other is None else x @ _wide(other)

    def _gram(self, key: tuple[TargetKey, int, int], up: Tensor, other: Tensor) -> Tensor:
        """B_iᵀ B_j, (r_i, r_j)."""
        found = self._grams.get(key)
        if found is None or found[0] is not up or found[1] is not other:
            found = self._grams[key] = up, other, _wide(up).t() @ _wide(other)
        return found[2]


def squares_without_bias(call: LayerCall) -> Tensor:
    """‖Wx‖² for each row, (rows,)."""
    out, bias = call.product
    last = call.layer.channel_dim % out.dim() == out.dim() - 1
    lines = out.reshape(len(out), -1, out.shape[-1]) if last else out.flatten(2)  # (rows, n, c)
    if bias is None:
        return _squares(lines)
    bias = _wide(bias.to(out.device)) if last else _wide(bias.to(out.device))[:, None]
    at_once = max(1, CHUNK.get(out.device.type, LARGE_CHUNK) // lines.shape[-1])
    return torch.stack([_squares_of_row(row, bias, last, at_once) for row in lines])


def _squares_of_row(lines: Tensor, bias: Tensor, last: bool, at_once: int) -> Tensor:
    """‖values − bias‖² of (n, c), so many lines at a time; else than `last` lines are channels."""
    parts = torch.split(lines, at_once)
    biases = [bias] * len(parts) if last else torch.split(bias, at_once)
    norms = [torch.linalg.vector_norm(x - b, dim=-1) for x, b in zip(parts, biases, strict=True)]
    return _summed(torch.cat(norms).square_()[None])[0]


def _squares(values: Tensor) -> Tensor:
    """Of (rows, n, c), over all but the first: (rows,)."""
    wide = torch.promote_types(values.dtype, torch.float32)
    return _summed(torch.linalg.vector_norm(values, dim=-1, dtype=wide).square_())


def _summed(tokens: Tensor) -> Tensor:
    """(rows, tokens) over the tokens, in 64 bits where the device has them."""
    wide = torch.float32 if tokens.device.type == "mps" else torch.float64
    return tokens.sum(1, dtype=wide)


def _tokens(layer: Layer, share: Share) -> Tensor:
    """What a share's values are under its mask, (rows, tokens, r or o), in 32 bits at least."""
    values = share.values if share.where is None else share.values * share.where
    return _wide(_channels_last(layer, values))


def _channels_last(layer: Layer, values: Tensor) -> Tensor:
    """(rows, tokens, c) of a layer's output (rows, …), or of what is inside of its delta."""
    moved = values.movedim(layer.channel_dim % values.dim(), -1)
    return moved.flatten(1, -2) if moved.dim() > 2 else moved[:, None]


def _wide(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))


def gathered(calls: Sequence[CallSums]) -> list[tuple[CallSums, Tensor]]:
    """The calls with their sums in host memory: the device is waited for once."""
    if not calls:
        return []
    flat = torch.cat([call.sums.flatten() for call in calls]).cpu().double()
    parts = torch.split(flat, [call.sums.numel() for call in calls])
    return [(c, part.view(c.sums.shape)) for c, part in zip(calls, parts, strict=True)]
