"""A mask's grey values and its soft edge, bit for bit as the webui has them."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

REACH = 2.5  # standard deviations of the blur that its kernel has
SOLID = 128  # of 255: an alpha above it is white
ONE = 256  # the kernel has eight bits behind the point


def grey(mask: Image.Image) -> Image.Image:
    """A picture that is transparent somewhere is a mask by its alpha."""
    if mask.mode == "RGBA":
        alpha = mask.getchannel("A")
        if alpha.getextrema() != (255, 255):
            return alpha.point(lambda value: 255 * (value > SOLID))
    return mask.convert("L")


def blurred(mask: Image.Image, sigma: float) -> Image.Image:
    """Gaussian, one side after the other, each rounded to 8 bits; the edges are mirrored."""
    if sigma <= 0:
        return mask
    kernel = torch.from_numpy(_kernel(sigma)).float()
    reach = len(kernel) // 2
    values = np.asarray(mask, dtype=np.float32)
    for axis in (1, 0):
        width = [(reach, reach) if side == axis else (0, 0) for side in (0, 1)]
        padded = torch.from_numpy(np.pad(values, width, mode="reflect"))[None, None]
        shape = (1, 1, 1, -1) if axis == 1 else (1, 1, -1, 1)
        sums = F.conv2d(padded, kernel.view(shape))[0, 0]  # whole numbers: fp32 holds them
        values = ((sums + ONE // 2) / ONE).floor().numpy()
    return Image.fromarray(values.astype(np.uint8))


def _kernel(sigma: float) -> np.ndarray:
    """In whole 256ths, whose rounding is handed on to the next: so OpenCV blurs 8 bits."""
    reach = int(REACH * sigma + 0.5)
    exact = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    exact *= ONE / exact.sum()
    found = np.zeros(2 * reach + 1, np.int64)
    left = 0.0
    for place, value in enumerate(exact[:reach]):
        found[place] = found[-1 - place] = np.rint(value + left)
        left += value - found[place]
    found[reach] = ONE - found.sum()
    return found
