"""The part of a picture that the UNet is shown, and the grids of its levels.

A level is known by its tokens: the UNet halves its input, an odd side rounded up, and where a host
pads odd sides they are even.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .mask import WHOLE, Box, Mask

LEVELS = 7


@dataclass(frozen=True, slots=True)
class Shown:
    """What a call of the UNet shows: `height` × `width` latents of `box` in the whole picture."""

    height: int
    width: int
    box: Box = WHOLE

    def grid_of(self, tokens: int) -> tuple[int, int] | None:
        """Height and width of the level with so many tokens."""
        for level in range(LEVELS):
            height, width = (-(-side // 2**level) for side in (self.height, self.width))
            padded = height + height % 2, width + width % 2
            for grid in ((height, width), padded):
                if grid[0] * grid[1] == tokens:
                    return grid
        return None

    def averaged(self, mask: Mask, height: int, width: int) -> Tensor:
        """The mask on a grid of this picture, (height, width) in 64 bits."""
        left, top, right, bottom = self.box
        rows = _cells(self.height, height) * (bottom - top) + top
        columns = _cells(self.width, width) * (right - left) + left
        # The whole picture's sides, of which a part may be shown.
        tall, wide = self.height / (bottom - top), self.width / (right - left)
        short = mask.soft * min(tall, wide)
        return mask.averaged(rows, columns, (short / tall, short / wide))


def _cells(side: int, cells: int) -> Tensor:
    """Where the cells of a level begin and end, (cells, 2): of 2ᵏ latents each, as far as it is."""
    sizes = {math.ceil(side / 2**k): 2.0**k for k in reversed(range(LEVELS))}
    padded = sizes.get(cells - 1) if cells % 2 == 0 else None
    size = sizes.get(cells) or padded or side / cells
    start = torch.arange(cells, dtype=torch.float64) * size
    return torch.stack([start, start + size], dim=1).clamp(max=side) / side
