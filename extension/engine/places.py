"""The places of a picture that a layer's tokens or pixels stand for, and masks over them.

A buffer is made once for each mask, shown part of the picture and level of the UNet. Each row of a
call may show another part: tiles that are drawn together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .division import Cell, Division, divided_by, of_rows
from .mask import WHOLE, Box, Mask
from .shown_part import Shown

MOST_KEPT = 2**28  # bytes of buffers: each tile of a large picture has its own
T = TypeVar("T")
Layout = tuple[tuple[Mask | None, int], ...]  # masks (None: 1), each for so many ranks


@dataclass(slots=True)
class Buffers:
    """What was made for a picture, or for those that the rows of a call show; they take `bytes`."""

    pictures: tuple[Shown, ...]  # of one size
    made: dict[Any, Any] = field(default_factory=dict)
    bytes: int = 0

    def levels(self, mask: Mask, height: int, width: int) -> Tensor:
        """The mask on a grid of each picture, (pictures, height, width) in 64 bits."""
        return torch.stack([one.averaged(mask, height, width) for one in self.pictures])


class Places:
    """The masks of a run, at the size of the picture in the present call of the UNet.

    `like`, in what follows, is the output that is to be masked, rows first: of its dtype and device
    the masks are. With a box for every row they have one more dimension in front, for the rows.
    """

    def __init__(self) -> None:
        self.expected: tuple[int, int] | None = None  # of the whole picture, where a host says it
        self.boxes: tuple[Box, ...] = (WHOLE,)  # one, one for each row, or none: nobody knows
        self.cell: Cell | None = None  # the tokens that a cross-attention is being called with
        self.misfits: set[str] = set()  # layers on which no mask could be placed
        self._kept_for: dict[tuple[Shown, ...], Buffers] = {}  # the last one used is the last
        self._now: Buffers | None = None

    def follow(self, root: nn.Module, stack: ExitStack) -> None:
        """Sees the size of each call of the UNet until the stack is closed."""
        handle = root.register_forward_pre_hook(self._called, with_kwargs=True)
        stack.callback(handle.remove)
        stack.callback(self.forget)

    def forget(self) -> None:
        """Lets go of all buffers."""
        self._kept_for.clear()
        self._now = self.cell = None

    def show(self, size: tuple[int, int] | None, box: Box | Sequence[Box] | None) -> None:
        """The host says how large the picture is, in latents, and what part of it is shown: in all
        rows of a call, or in each of them; None where it does not know.
        """
        self.expected, self.boxes = size, _boxes(box)
        if size is not None:
            self._turn_to(*size)

    def _called(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        self.cell = None
        sample = args[0] if args else kwargs.get("sample", kwargs.get("x"))
        if isinstance(sample, Tensor) and sample.dim() == 4:
            self._turn_to(*sample.shape[-2:])

    def _turn_to(self, height: int, width: int) -> None:
        if self.expected not in (None, (height, width)) or not self.boxes:
            self._now = None  # a tile, and nobody knows of which place
            return
        pictures = tuple(Shown(height, width, box) for box in self.boxes)
        self._now = self._kept_for.pop(pictures, None) or Buffers(pictures)
        self._kept_for[pictures] = self._now

    def tokens(self, layout: Layout, count: int, like: Tensor, path: str) -> Tensor:
        """(count, Σ ranks), or their means where no level has so many tokens: (Σ ranks,), by row
        (rows, 1, Σ ranks).
        """
        if self._fits(like):
            key = (layout, count, like.device, like.dtype, self.cell)
            found = self._kept(key, lambda: self._tokens(layout, count, like))
            if found is not None:
                return found
        self.misfits.add(path)
        return self.means(layout, like, dims=3)

    def pixels(self, layout: Layout, size: torch.Size, like: Tensor, path: str) -> Tensor:
        """(Σ ranks, height, width), or (Σ ranks, 1, 1) where the picture's size is not known."""
        height, width = size
        if self._fits(like):
            key = (layout, size, like.device, like.dtype)
            return self._kept(key, lambda: self._pixels(layout, height, width, like))
        self.misfits.add(path)
        return self.means(layout, like)[:, None, None]

    def means(self, layout: Layout, like: Tensor, dims: int = 2) -> Tensor:
        """(Σ ranks,), for layers whose outputs have no place; by row (rows, …, Σ ranks) in so many
        dimensions. Of the whole picture where nobody knows what part of it is shown.
        """
        fits = self._fits(like)
        key = (layout, like.device, like.dtype, fits)
        found = self._kept(key, lambda: self._means(layout, like, fits))
        return found if found.dim() == 1 else found.view(len(found), *[1] * (dims - 2), -1)

    def _fits(self, like: Tensor) -> bool:
        """Whether it is known what each row of this output shows."""
        return self._now is not None and len(self._now.pictures) in (1, len(like))

    def division(self, masks: tuple[Mask, ...], count: int, like: Tensor) -> Division | None:
        """Which tokens read the words of which mask; None where no level has so many tokens.

        Outputs are added up, o₀ + Σ m (o_mask − o₀), so that each mask only costs its own tokens.
        """
        if not self._fits(like):
            return None
        key = (masks, count, like.device, like.dtype)
        return self._kept(key, lambda: self._division(masks, count, like))

    def _kept(self, key: Any, make: Callable[[], T]) -> T:
        now = self._now
        if now is None:
            return make()
        if key not in now.made:
            with torch.inference_mode(False):
                made = now.made[key] = make()
            now.bytes += _bytes(made)
            self._make_room()
        found: T = now.made[key]
        return found

    def _make_room(self) -> None:
        """What was used longest ago is let go of, never what is in use."""
        kept = self._kept_for
        while len(kept) > 1 and sum(one.bytes for one in kept.values()) > MOST_KEPT:
            del kept[next(iter(kept))]

    def _level(self, mask: Mask, count: int) -> Tensor | None:
        """(pictures, count) in 64 bits."""
        now = self._now
        grid = now and now.pictures[0].grid_of(count)
        return now.levels(mask, *grid).flatten(1) if now and grid else None

    def _tokens(self, layout: Layout, count: int, like: Tensor) -> Tensor | None:
        cell = self.cell
        if one := _one_mask(layout):
            key = (one, count, like.device, like.dtype, cell)
            found = self._kept(key, lambda: self._tokens(one, count, like))
            return found if found is None else found.expand(*found.shape[:-1], _ranks(layout))
        columns = []
        for mask, ranks in layout:
            count = cell.count if cell else count
            level = torch.ones(1, count).double() if mask is None else self._level(mask, count)
            if level is None:
                return None
            columns.append(level[:, :, None].expand(-1, -1, ranks))
        whole = of_rows(torch.cat(_as_many(columns), dim=2).to(like))
        return whole if cell is None else whole.index_select(-2, cell.index)

    def _pixels(self, layout: Layout, height: int, width: int, like: Tensor) -> Tensor:
        assert self._now is not None
        if one := _one_mask(layout):
            key = (one, height, width, like.device, like.dtype)
            found = self._kept(key, lambda: self._pixels(one, height, width, like))
            return found.expand(*found.shape[:-3], _ranks(layout), height, width)
        ones = torch.ones(1, height, width, dtype=torch.float64)
        each = [(self._now.levels(m, height, width) if m else ones, ranks) for m, ranks in layout]
        columns = [one[:, None].expand(-1, ranks, -1, -1) for one, ranks in each]
        return of_rows(torch.cat(_as_many(columns), dim=1).to(like))

    def _means(self, layout: Layout, like: Tensor, fits: bool) -> Tensor:
        now = self._now or Buffers((Shown(1, 1),))
        ones = torch.ones(1, dtype=torch.float64)
        each = [(now.levels(m, 1, 1).flatten() if m else ones, ranks) for m, ranks in layout]
        means = torch.cat(_as_many([one[:, None].expand(-1, n) for one, n in each]), dim=1)
        return of_rows((means if fits else means.mean(0, keepdim=True)).to(like))

    def _division(self, masks: tuple[Mask, ...], count: int, like: Tensor) -> Division | None:
        levels = [self._level(mask, count) for mask in masks]
        known = [level for level in levels if level is not None]
        return None if len(known) < len(masks) else divided_by(masks, known, like)


def _one_mask(layout: Layout) -> Layout:
    """A layout of several ranks under one mask as that of one rank: its buffer serves all."""
    several = _ranks(layout) > 1 and len({mask for mask, _ in layout}) == 1
    return ((layout[0][0], 1),) if several else ()


def _ranks(layout: Layout) -> int:
    return sum(ranks for _, ranks in layout)


def _bytes(made: Any) -> int:
    """What it takes: a view, what it is of."""
    if isinstance(made, Tensor):
        return made.untyped_storage().nbytes()
    return made.bytes if isinstance(made, Division) else 0


def _boxes(box: Box | Sequence[Box] | None) -> tuple[Box, ...]:
    """One where all rows show the same."""
    if not box:
        return ()
    each: Any = box if isinstance(box[0], Sequence) else (box,)
    boxes = tuple((left, top, right, bottom) for left, top, right, bottom in each)
    return boxes[:1] if len(set(boxes)) == 1 else boxes


def _as_many(parts: Sequence[Tensor]) -> list[Tensor]:
    """All with the first dimension of the longest; the others have 1."""
    most = max(map(len, parts))
    return [part.expand(most, *part.shape[1:]) for part in parts]
