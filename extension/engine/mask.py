"""Where in the picture something acts, from 0 to 1, averaged over the cells of any grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

Box = tuple[float, float, float, float]  # left, top, right, bottom, in fractions of the picture
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
THINNEST = 1e-9  # a cell of padding has no area of its own: it is what the edge beside it is


@dataclass(frozen=True, eq=False)
class Mask:
    """`values` (h, w) stretched over `box`, and 0 around it; by identity, as a key of buffers.

    `soft` is how wide an edge is, in parts of the picture's shorter side: the mask is averaged over
    a square of that size, so that a hard edge becomes a straight ramp. The picture's own border is
    no edge: the mask goes on beyond it as it ends there.
    """

    values: Tensor
    box: Box = WHOLE
    soft: float = 0.0

    @classmethod
    def of_box(cls, box: Box, soft: float = 0.0) -> Mask:
        """1 inside of a box."""
        return cls(torch.ones(1, 1, dtype=torch.float64), box, soft)

    @cached_property
    def is_everywhere(self) -> bool:
        """All ones: no mask at all."""
        return self.box == WHOLE and bool((self.values == 1).all())

    @cached_property
    def is_nowhere(self) -> bool:
        """All zeros."""
        return not bool(self.values.any())

    def averaged(self, rows: Tensor, columns: Tensor, soft: tuple[float, float]) -> Tensor:
        """Its mean in every cell of a grid, (h', w') in 64 bits.

        Args:
            rows: where each row of cells begins and ends, (h', 2) in fractions of the picture.
            columns: likewise, (w', 2).
            soft: how tall and how wide an edge is, in fractions of the picture's height and width.
        """
        left, top, right, bottom = self.box
        height, width = self.values.shape
        down = _shares(rows, _edges(top, bottom, height), soft[0])  # (h', h)
        across = _shares(columns, _edges(left, right, width), soft[1])  # (w', w)
        return down @ self.values @ across.T


def _edges(start: float, end: float, count: int) -> Tensor:
    """The edges of `count` equal cells, (count + 1,); at the picture's border there is none."""
    edges = torch.linspace(start, end, count + 1, dtype=torch.float64)
    if start <= 0:
        edges[0] = -torch.inf
    if end >= 1:
        edges[-1] = torch.inf
    return edges


def _shares(cells: Tensor, edges: Tensor, soft: float) -> Tensor:
    """How much of each cell (n, 2) lies between an edge and the next, (n, edges − 1)."""
    start, end = cells[:, :1], cells[:, 1:]
    start = torch.minimum(start, torch.full_like(start, 1 - THINNEST))
    end = torch.maximum(end, start + THINNEST)
    beyond = (_beyond(end, edges, soft) - _beyond(start, edges, soft)) / (end - start)
    beyond = torch.where(edges == -torch.inf, 1.0, torch.where(edges == torch.inf, 0.0, beyond))
    return beyond[:, :-1] - beyond[:, 1:]


def _beyond(x: Tensor, edges: Tensor, soft: float) -> Tensor:
    """∫ from −∞ to x of a ramp from 0 to 1, `soft` wide, around each edge: (n, edges)."""
    past = x - edges
    if soft <= 0:
        return past.clamp(min=0)
    risen = (past / soft + 0.5).clamp(0, 1)
    return soft * risen.square() / 2 + (past - soft / 2).clamp(min=0)
