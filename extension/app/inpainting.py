"""Inpainting as the webui prepares it: the part that is drawn, what begins it, the overlay."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor

from . import soft_masks
from .picture_fitting import CROP, FILL, fitted, opaque, resized
from .request import RequestError, StartingPicture
from .start_choices import FILLS

# Blurs of the surroundings that are laid over each other, with how often: radius in pixels.
SURROUNDINGS = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1))
Box = tuple[int, int, int, int]  # left, top, right, bottom


class Inpainting:
    """The mask of one picture; white is drawn anew. `size` is that of the drawing.

    With `only_masked` it is the size of a part of the picture, which is drawn alone.
    """

    def __init__(self, start: StartingPicture, mask: Image.Image, size: tuple[int, int]) -> None:
        """`mask` is soft already. RequestError."""
        if start.fill not in FILLS:
            raise RequestError(f"no masked content {start.fill!r}: there are {', '.join(FILLS)}")
        self.fill = start.fill
        self.part: Box | None = None
        picture, mode = opaque(start.image), start.resize
        if start.only_masked:
            mask = fitted(mask, picture.size)
            self._overlay = _outside(picture, mask).convert("RGBA")
            self.part = part_around(_box(mask), start.padding, size, picture.size)
            picture, mask, mode = picture.crop(self.part), mask.crop(self.part), FILL
        self.picture = resized(picture, size, mode)
        self.mask = resized(mask, size, mode).convert("L")
        if not start.only_masked:
            twice = self.mask.point(lambda value: min(255, 2 * value))
            self._overlay = _outside(self.picture, twice).convert("RGBA")

    @cached_property
    def source(self) -> Image.Image:
        """The picture that becomes latents: but for "original", without what is masked."""
        return self.picture if self.fill == "original" else self._filled()

    def kept(self, width: int, height: int) -> Tensor:
        """(1, 1, height, width), in latents: 1 where they stay."""
        small = np.asarray(self.mask.resize((width, height)), dtype=np.float32) / 255
        return 1 - torch.from_numpy(np.around(small))[None, None]

    def began(self, latents: Tensor, kept: Tensor, noise: Tensor) -> Tensor:
        """The latents with what is to stand where they are drawn anew; `noise` is like them."""
        if self.fill == "latent noise":
            return latents * kept + noise * (1 - kept)
        return latents * kept if self.fill == "latent nothing" else latents

    def over(self, drawn: Image.Image) -> Image.Image:
        """What was drawn, in its place, under the picture's own pixels where the mask is black."""
        if self.part is None:
            below, overlay = drawn.convert("RGBA"), fitted(self._overlay, drawn.size)
        else:
            left, top, right, bottom = self.part
            below, overlay = Image.new("RGBA", self._overlay.size), self._overlay
            below.paste(resized(drawn, (right - left, bottom - top), CROP), (left, top))
        below.alpha_composite(overlay)
        return below.convert("RGB")

    def _filled(self) -> Image.Image:
        """Colours of the surroundings, more and more blurred, where it is masked."""
        around = _outside(self.picture, self.mask)
        found = Image.new("RGBA", self.picture.size)
        for radius, times in SURROUNDINGS:
            layer = around.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
            for _ in range(times):
                found.alpha_composite(layer)
        return found.convert("RGB")


def inpainting_of(start: StartingPicture, size: tuple[int, int]) -> Inpainting | None:
    """None without a mask, and where there is nothing of which only the masked could be drawn."""
    if start.mask is None:
        return None
    mask = soft_masks.grey(start.mask)
    mask = soft_masks.blurred(ImageChops.invert(mask) if start.inverted else mask, start.blur)
    if start.only_masked and mask.getbbox() is None:
        return None
    return Inpainting(start, mask, size)


def part_around(box: Box, padding: int, shape: tuple[int, int], size: tuple[int, int]) -> Box:
    """What is drawn of a picture of this size: the box with its padding, in the shape's shape."""
    left, top = (max(side - padding, 0) for side in box[:2])
    right, bottom = (min(side + padding, most) for side, most in zip(box[2:], size, strict=True))
    across, down = right - left, bottom - top
    ratio = shape[0] / shape[1]
    if across / down > ratio:
        top, bottom = _longer(top, bottom, int(across / ratio - down), size[1])
    else:
        left, right = _longer(left, right, int(down * ratio - across), size[0])
    return left, top, right, bottom


def _longer(begin: int, end: int, more: int, most: int) -> tuple[int, int]:
    """Longer on both sides, and moved where it would leave 0 to `most`."""
    begin, end = begin - more // 2, end + more - more // 2
    if end >= most:
        begin, end = begin - (end - most), most
    if begin < 0:
        begin, end = 0, end - begin
    return begin, min(end, most)


def _box(mask: Image.Image) -> Box:
    """Around all that is not black; a mask that was made smaller may have lost it."""
    return mask.getbbox() or (0, 0, *mask.size)


def _outside(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture with alpha, premultiplied, as far as the mask is black."""
    found = Image.new("RGBa", picture.size)
    found.paste(picture.convert("RGBA").convert("RGBa"), mask=ImageChops.invert(mask))
    return found
