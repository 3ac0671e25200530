"""The places of a picture that a layer's tokens or pixels stand for, and masks over them.

A buffer is made once for each mask, size of the picture and level of the UNet. The level is known
from the shape of a call: the UNet halves its input, an odd side rounded up, and where a host pads
odd sides they are even.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .mask import WHOLE, Box, Mask

LEVELS = 7
NOTHING = 1e-7  # of a mask, and of what rounding leaves of the others' sum
T = TypeVar("T")
Layout = tuple[tuple[Mask | None, int], ...]  # masks (None: 1), each for so many ranks


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


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """Some of a level's `count` tokens: `index` (n,), and by what their output counts, (n, 1).

    `mask` is whose words they read; None: words without any masked network.
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


@dataclass(slots=True)
class Buffers:
    """What was made for one picture size."""

    picture: Shown
    made: dict[Any, Any] = field(default_factory=dict)


class Places:
    """The masks of a run, at the size of the picture in the present call of the UNet."""

    def __init__(self) -> None:
        self.expected: tuple[int, int] | None = None  # of the whole picture, where a host says it
        self.box = WHOLE
        self.cell: Cell | None = None  # the tokens that a cross-attention is being called with
        self.misfits: set[str] = set()  # layers on which no mask could be placed
        self._sizes: dict[Shown, Buffers] = {}
        self._now: Buffers | None = None

    def follow(self, root: nn.Module, stack: ExitStack) -> None:
        """Sees the size of each call of the UNet until the stack is closed."""
        handle = root.register_forward_pre_hook(self._called, with_kwargs=True)
        stack.callback(handle.remove)
        stack.callback(self.forget)

    def forget(self) -> None:
        """Lets go of all buffers."""
        self._sizes.clear()
        self._now = self.cell = None

    def show(self, size: tuple[int, int] | None, box: Box) -> None:
        """The host says how large the picture is, in latents, and what part of it is shown."""
        self.expected, self.box = size, box
        if size is not None:
            self._turn_to(*size)

    def _called(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        self.cell = None
        sample = args[0] if args else kwargs.get("sample", kwargs.get("x"))
        if isinstance(sample, Tensor) and sample.dim() == 4:
            self._turn_to(*sample.shape[-2:])

    def _turn_to(self, height: int, width: int) -> None:
        if self.expected not in (None, (height, width)):
            self._now = None  # a tile, and nobody knows of which place
            return
        picture = Shown(height, width, self.box)
        self._now = self._sizes.get(picture) or self._sizes.setdefault(picture, Buffers(picture))

    def tokens(self, layout: Layout, count: int, like: Tensor, path: str) -> Tensor:
        """(count, Σ ranks), or (Σ ranks,) where no level has so many tokens."""
        key = (layout, count, like.device, like.dtype, self.cell)
        found = self._kept(key, lambda: self._tokens(layout, count, like))
        if found.dim() == 1:
            self.misfits.add(path)
        return found

    def pixels(self, layout: Layout, size: torch.Size, like: Tensor, path: str) -> Tensor:
        """(Σ ranks, height, width), or (Σ ranks, 1, 1) where the picture's size is not known."""
        height, width = size
        key = (layout, size, like.device, like.dtype)
        found = self._kept(key, lambda: self._pixels(layout, height, width, like))
        if found.shape[-1] != width:
            self.misfits.add(path)
        return found

    def means(self, layout: Layout, like: Tensor) -> Tensor:
        """(Σ ranks,), for layers whose outputs have no place."""
        key = (layout, like.device, like.dtype)
        return self._kept(key, lambda: self._means(layout, like))

    def mean(self, mask: Mask) -> float:
        """Of the whole picture, where nobody knows what part of it is shown."""
        picture = Shown(1, 1) if self._now is None else self._now.picture
        return self._kept((mask,), lambda: float(picture.averaged(mask, 1, 1)))

    def division(self, masks: tuple[Mask, ...], count: int, like: Tensor) -> Division | None:
        """Which tokens read the words of which mask; None where no level has so many tokens.

        Outputs are added up, o₀ + Σ m (o_mask − o₀), so that each mask only costs its own tokens.
        """
        key = (masks, count, like.device, like.dtype)
        return self._kept(key, lambda: self._division(masks, count, like))

    def _kept(self, key: Any, make: Callable[[], T]) -> T:
        if self._now is None:
            return make()
        made = self._now.made
        if key not in made:
            with torch.inference_mode(False):
                made[key] = make()
        found: T = made[key]
        return found

    def _level(self, mask: Mask, count: int) -> Tensor | None:
        """(count,) in 64 bits."""
        now = self._now
        grid = now and now.picture.grid_of(count)
        return now.picture.averaged(mask, *grid).flatten() if now and grid else None

    def _tokens(self, layout: Layout, count: int, like: Tensor) -> Tensor:
        cell = self.cell
        columns = []
        for mask, ranks in layout:
            level = None if mask is None else self._level(mask, cell.count if cell else count)
            if level is None and mask is not None:
                return self._means(layout, like)
            if level is None:
                level = torch.ones(cell.count if cell else count, dtype=torch.float64)
            columns.append(level[:, None].expand(-1, ranks))
        whole = torch.cat(columns, dim=1).to(like)
        return whole if cell is None else whole[cell.index]

    def _pixels(self, layout: Layout, height: int, width: int, like: Tensor) -> Tensor:
        if self._now is None:
            return self._means(layout, like)[:, None, None]
        ones = torch.ones(height, width, dtype=torch.float64)
        picture = self._now.picture
        each = [(picture.averaged(m, height, width) if m else ones, ranks) for m, ranks in layout]
        return torch.cat([one.expand(ranks, -1, -1) for one, ranks in each]).to(like)

    def _means(self, layout: Layout, like: Tensor) -> Tensor:
        each = [(1.0 if mask is None else self.mean(mask), ranks) for mask, ranks in layout]
        values = [value for value, ranks in each for _ in range(ranks)]
        return torch.tensor(values, dtype=like.dtype, device=like.device)

    def _division(self, masks: tuple[Mask, ...], count: int, like: Tensor) -> Division | None:
        levels = [self._level(mask, count) for mask in masks]
        known = [level for level in levels if level is not None]
        if len(known) < len(masks):
            return None
        rest = 1 - torch.stack(known).sum(0)
        cells, places = [], []
        whole = True
        for mask, share in zip((None, *masks), (rest, *known), strict=True):
            index = (share.abs() > NOTHING).nonzero().flatten()
            if len(index):
                counts = share[index, None]
                whole = whole and bool(((counts - 1).abs() <= NOTHING).all())
                places.append(index)
                cells.append(Cell(mask, index.to(like.device), counts.to(like), count))
        order = torch.cat(places).argsort() if whole else None
        if order is not None and len(order) != count:
            order = None  # two masks are whole in one place
        return Division(tuple(cells), None if order is None else order.to(like.device))
