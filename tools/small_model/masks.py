"""Masks of 0 and 1, (n, h, w): grown, shrunk, taken apart and filled."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def grow(mask: Tensor) -> Tensor:
    """A mask (n, h, w) of 0 and 1, one pixel wider."""
    return F.max_pool2d(mask[:, None], 3, 1, 1)[:, 0]


def shrink(mask: Tensor, pixels: int = 1) -> Tensor:
    for _ in range(pixels):
        mask = 1 - grow(1 - mask)
    return mask


def components(mask: Tensor) -> Tensor:
    """Each connected region gets the greatest pixel number in it; 0 outside: (n, h, w)."""
    _, h, w = mask.shape
    labels = mask * torch.arange(1, h * w + 1, dtype=mask.dtype).view(1, h, w)
    while True:
        spread = grow(labels) * mask
        if torch.equal(spread, labels):
            return labels
        labels = spread


def largest(mask: Tensor) -> Tensor:
    labels = components(mask)
    kept = [(row == row[row > 0].mode().values) if row.any() else row > 0 for row in labels]
    return torch.stack(kept).float()


def filled(mask: Tensor) -> Tensor:
    """The mask without holes: all that a flood from the rim does not reach."""
    rim = torch.ones_like(mask)
    rim[:, 1:-1, 1:-1] = 0
    open_ = 1 - mask
    reached = rim * open_
    while True:
        spread = F.max_pool2d(reached[:, None], (3, 1), 1, (1, 0))[:, 0]
        spread = (
            torch.maximum(spread, F.max_pool2d(reached[:, None], (1, 3), 1, (0, 1))[:, 0]) * open_
        )
        if torch.equal(spread, reached):
            return 1 - reached
        reached = spread
