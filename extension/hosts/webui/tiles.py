"""Where in the picture a tile lies, by what it shows, whoever has cut it out.

Extensions that draw a large picture in tiles hand the UNet cuttings of the latents, each as often
as the batch has lines, several at a time, and scaled as the model's input is. What a line shows is
compared with the whole latents at every place where it might have been cut out. That is done anew
in each call: it costs little beside the call itself, and tiles may move from step to step.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ...engine.mask import Box
from ...session.run import Run

ANCHORS = 32  # values of a tile that are compared everywhere; then all of it, at the best place
SAME = 4e-3  # of a tile's norm may differ: 16-bit rounding leaves 1e-3
APART = 4 * SAME**2  # squared, at the anchors: less than that in two places is no place
AT_ONCE = 1 << 22  # values that are held while comparing
TINY = 1e-30
Size = tuple[int, int]  # height and width, or top and left, in latents


class Tiles:
    """Tells a run what each call of the UNet shows; `announce` what the whole picture is."""

    def __init__(self) -> None:
        self._params: Any = None
        self._part: Box = (0.0, 0.0, 1.0, 1.0)

    def announce(self, params: Any, part: Box) -> None:
        """The denoiser is about to call the UNet with `params`: `part` of the whole picture."""
        self._params, self._part = params, part

    def forget(self) -> None:
        """After sampling."""
        self._params = None

    def show(self, run: Run, sample: Tensor) -> None:
        """The UNet is being called with `sample` (rows, channels, h, w)."""
        if self._params is None or sample.dim() != 4:
            return
        # Not kept from `announce` on: another extension may have put others in their place.
        whole = self._params.x
        size, shown = _size(whole), _size(sample)
        if size == shown:
            run.regions(size, self._part)
            return
        places = places_of(sample, whole)
        boxes = None if places is None else [self._box(place, shown, size) for place in places]
        run.regions(shown, boxes)

    def _box(self, place: Size, shown: Size, size: Size) -> Box:
        left, top, right, bottom = self._part
        (y, x), (height, width) = place, shown
        down, across = (bottom - top) / size[0], (right - left) / size[1]
        return (
            left + x * across,
            top + y * down,
            left + (x + width) * across,
            top + (y + height) * down,
        )


def _size(latents: Tensor) -> Size:
    return latents.shape[-2], latents.shape[-1]


@torch.no_grad()
def places_of(rows: Tensor, whole: Tensor) -> list[Size] | None:
    """Where each of `rows` was cut out of one of the pictures; None if that is not clear for all.

    The device is waited for once.

    Args:
        rows: (rows, c', h, w), each some number times a cutting; channels after the latents' own,
            as inpainting models have, are left aside.
        whole: the latents (pictures, c, H, W) that they are parts of.
    """
    (channels, tall, wide), (height, width) = whole.shape[1:], rows.shape[-2:]
    if rows.shape[1] < channels or height > tall or width > wide:
        return None
    whole, rows = whole.float(), rows[:, :channels].to(whole.device).float()
    apart = _compared(rows, whole).flatten(1)  # (rows, places)
    best = apart.argmin(1, keepdim=True)
    top, left = best // (wide - width + 1), best % (wide - width + 1)
    others = apart.scatter(1, best, torch.inf).amin(1)
    found = torch.stack([top[:, 0], left[:, 0], _differing(rows, whole, top, left), others], dim=1)
    places = []
    for y, x, difference, other in found.tolist():
        if not (difference < SAME and other > APART):  # also where a value is no number
            return None
        places.append((int(y), int(x)))
    return places


def _compared(rows: Tensor, whole: Tensor) -> Tensor:
    """1 − cos² of each row and each place's cutting at the anchors, of the likeliest picture's.

    (rows, H − h + 1, W − w + 1). Sums of products, not matrix products: those have ten bits on
    devices where the program allows that.
    """
    height, width = rows.shape[-2:]
    down, across = whole.shape[-2] - height + 1, whole.shape[-1] - width + 1
    anchors = _anchors(rows.shape[1], height, width)
    values = torch.stack([rows[:, c, y, x] for c, y, x in anchors])[..., None, None, None]
    values = values / values.norm(dim=0).clamp(min=TINY)  # (anchors, rows, 1, 1, 1)
    lines = max(1, AT_ONCE // (len(rows) * len(whole) * across))
    bands = []
    for first in range(0, down, lines):
        last = min(down, first + lines)
        products = norms = torch.zeros((), device=whole.device)
        for value, (c, y, x) in zip(values, anchors, strict=True):
            seen = whole[:, c, y + first : y + last, x : x + across]
            products, norms = products + value * seen, norms + seen.square()
        bands.append((1 - products.square() / norms.clamp(min=TINY)).amin(1))
    return torch.cat(bands, dim=1)


def _differing(rows: Tensor, whole: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """‖row − a · cutting‖ / ‖row‖ at these places (rows, 1), of the likeliest picture: (rows,)."""
    height, width = rows.shape[-2:]
    down = top + torch.arange(height, device=top.device)
    across = left + torch.arange(width, device=left.device)
    cut = whole[:, :, down[:, :, None], across[:, None, :]]  # (pictures, c, rows, h, w)
    cut, wanted = cut.movedim(2, 1).flatten(2), rows.flatten(1)  # (pictures, rows, n), (rows, n)
    scale = (cut * wanted).sum(2) / cut.square().sum(2).clamp(min=TINY)
    rest = (wanted - scale[..., None] * cut).norm(dim=2).amin(0)
    return torch.div(rest, wanted.norm(dim=1))  # no number where there is nothing in a row


@lru_cache(maxsize=8)
def _anchors(channels: int, height: int, width: int) -> list[tuple[int, int, int]]:
    """Channel, row and column of some values, all over a tile."""
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randperm(channels * height * width, generator=generator)[:ANCHORS].tolist()
    return [(i // (height * width), i // width % height, i % width) for i in chosen]
