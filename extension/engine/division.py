"""Which of a level's tokens read the words of which mask: what cross-attention is divided by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .mask import Mask

NOTHING = 1e-7  # of a mask, and of what rounding leaves of the others' sum


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """Some of a level's `count` tokens: `index` (n,), and by what their output counts.

    That is (n, 1), or (rows, n, 1) where each row shows another part of the picture: a token is in
    the cell if it is for any row. `mask` is whose words they read; None: words without any masked
    network.
    """

    mask: Mask | None
    index: Tensor
    share: Tensor
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """The cells of a level. `order` (count,) sorts their tokens where each is in one, whole."""

    cells: tuple[Cell, ...]
    order: Tensor | None

    @property
    def bytes(self) -> int:
        """What its tensors take."""
        tensors = [one for cell in self.cells for one in (cell.index, cell.share)]
        return sum(one.nbytes for one in (*tensors, self.order) if one is not None)


def divided_by(masks: Sequence[Mask], levels: Sequence[Tensor], like: Tensor) -> Division:
    """The cells of a level.

    Args:
        masks: those that networks have.
        levels: each on the level, (pictures, tokens) in 64 bits.
        like: of its dtype and device the shares are.
    """
    rest = 1 - torch.stack(list(levels)).sum(0)
    count = rest.shape[1]
    cells, places = [], []
    whole = True
    for mask, share in zip((None, *masks), (rest, *levels), strict=True):
        index = (share.abs() > NOTHING).any(0).nonzero().flatten()
        if len(index):
            counts = share[:, index, None]
            whole = whole and bool(((counts - 1).abs() <= NOTHING).all())
            places.append(index)
            cells.append(Cell(mask, index.to(like.device), of_rows(counts.to(like)), count))
    order = torch.cat(places).argsort() if whole else None
    if order is not None and len(order) != count:
        order = None  # two masks are whole in one place
    return Division(tuple(cells), None if order is None else order.to(like.device))


def of_rows(found: Tensor) -> Tensor:
    """Without the dimension of the pictures where all rows show the same one."""
    return found[0] if len(found) == 1 else found
