"""Inpainting as the webui prepares it: soft masks, what stands where it is white, the overlay."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from PIL import Image, ImageChops, ImageFilter
from torch import Tensor
from torch.nn import functional as F

from .drawing_options import FILLS
from .latents import fitted
from .request import RequestError, StartingPicture

REACH = 2.5  # standard deviations of the blur that its kernel has
SOLID = 128  # of 255: an alpha above it is white
# Blurs of the surroundings that are laid over each other, with how often: radius in pixels.
SURROUNDINGS = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1))


class Inpainting:
    """The mask of one picture, in its size; white is drawn anew."""

    def __init__(self, start: StartingPicture, size: tuple[int, int]) -> None:
        if start.fill not in FILLS:
            raise RequestError(f"no masked content {start.fill!r}: there are {', '.join(FILLS)}")
        assert start.mask is not None
        mask = _opaque(start.mask)
        if start.inverted:
            mask = ImageChops.invert(mask)
        self.fill = start.fill
        self.mask = fitted(_blurred(mask, start.blur), size)
        self.picture = fitted(start.image.convert("RGB"), size)

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
        """What was drawn, under the picture's own pixels wherever the mask is black."""
        mask = self.mask.point(lambda value: min(255, 2 * value))
        picture, mask = (fitted(one, drawn.size) for one in (self.picture, mask))
        return Image.composite(drawn, picture, mask)

    def _filled(self) -> Image.Image:
        """Colours of the surroundings, more and more blurred, where it is masked."""
        around = Image.new("RGBa", self.picture.size)
        outside = ImageChops.invert(self.mask)
        around.paste(self.picture.convert("RGBA").convert("RGBa"), mask=outside)
        found = Image.new("RGBA", self.picture.size)
        for radius, times in SURROUNDINGS:
            layer = around.filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")
            for _ in range(times):
                found.alpha_composite(layer)
        return found.convert("RGB")


def _opaque(mask: Image.Image) -> Image.Image:
    """Greys; a picture that is transparent somewhere is a mask by its alpha."""
    if mask.mode == "RGBA":
        alpha = mask.getchannel("A")
        if alpha.getextrema() != (255, 255):
            return alpha.point(lambda value: 255 * (value > SOLID))
    return mask.convert("L")


def _blurred(mask: Image.Image, sigma: float) -> Image.Image:
    """Gaussian, one side after the other, each rounded to 8 bits; the edges are mirrored."""
    if sigma <= 0:
        return mask
    reach = int(REACH * sigma + 0.5)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = kernel / kernel.sum()
    values = np.asarray(mask, dtype=np.float32)
    for axis in (1, 0):
        width = [(reach, reach) if side == axis else (0, 0) for side in (0, 1)]
        padded = torch.from_numpy(np.pad(values, width, mode="reflect"))[None, None]
        shape = (1, 1, 1, -1) if axis == 1 else (1, 1, -1, 1)
        values = F.conv2d(padded, kernel.view(shape))[0, 0].round().numpy()
    return Image.fromarray(values.astype(np.uint8))
