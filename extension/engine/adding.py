"""out += m · D, in place and with as few temporaries as it takes."""

from __future__ import annotations

from torch import Tensor

from ..deltas import Layer, LowRank
from ..records import Kind


def add(out: Tensor, change: Tensor, scale: float | Tensor, where: Tensor | None = None) -> None:
    """out += scale · change, both (rows, …); `scale` is a float or (rows, 1).

    `where` is a mask that broadcasts over their places.
    """
    if where is not None:
        change = change * where
    if isinstance(scale, Tensor):
        change, scale = change * scale.view(-1, *[1] * (change.dim() - 1)), 1.0
    out.add_(change, alpha=scale)


def add_low_rank(
    layer: Layer,
    delta: LowRank,
    x: Tensor,
    out: Tensor,
    scale: float | Tensor,
    where: Tensor | None = None,
) -> None:
    """out += up(scale · down(x)), without a temporary of the output's size.

    x is (rows, …, i) or (rows, i, h, w), out (rows, …, o) or (rows, o, h', w'); `scale` is a
    float, (rows, 1), or (rows or 1, r); `where` a mask that broadcasts over places. On a layer
    320 → 2560 with 8192 tokens the form with a temporary doubles the layer's time; this one adds a
    tenth.
    """
    h = layer.apply(x, delta.down).to(out.dtype)  # (rows, …, r) or (rows, r, h', w')
    if where is not None:
        h = h * where
    if isinstance(scale, Tensor):
        h, scale = h * _over(h, scale, layer.kind), 1.0
    up = delta.up
    if not out.is_contiguous():
        out.add_(layer.pointwise(h, up), alpha=scale)
    elif layer.kind == "conv":
        n, r = h.shape[:2]
        flat = out.view(n, out.shape[1], -1)
        flat.baddbmm_(up.expand(n, -1, -1), h.reshape(n, r, -1), alpha=scale)
    else:
        out.view(-1, up.shape[0]).addmm_(h.reshape(-1, up.shape[1]), up.t(), alpha=scale)


def _over(h: Tensor, scale: Tensor, kind: Kind) -> Tensor:
    """(rows or 1, r or 1) so that it broadcasts over h: (rows, r, 1, 1) or (rows, 1, …, r)."""
    rows, ranks = scale.shape
    middle = [1] * (h.dim() - 2)
    return scale.view(rows, ranks, *middle) if kind == "conv" else scale.view(rows, *middle, ranks)
