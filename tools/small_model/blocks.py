"""The latents: the four leading principal components of the 4 × 4 pixel blocks, scaled.

Three of them are the block's mean colour and the fourth is its brightest slope. They are given, not
found, so the UNet can be trained before the autoencoder, on latents as smooth as thumbnails.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

BLOCK = 4
CHANNELS = 4


@dataclass(frozen=True, slots=True)
class Blocks:
    """`weight` (4, 3, 4, 4) and `bias` (4,): latents are one convolution of stride 4."""

    weight: Tensor
    bias: Tensor

    def __call__(self, pixels: Tensor) -> Tensor:
        """(n, 3, h, w) in -1 … 1 to (n, 4, h / 4, w / 4)."""
        weight, bias = self.weight.to(pixels.device), self.bias.to(pixels.device)
        return F.conv2d(pixels, weight, bias, stride=BLOCK)

    @classmethod
    def of(cls, pictures: NDArray[np.uint8]) -> Blocks:
        """The principal components of `pictures`, (n, h, w, 3) uint8."""
        blocks = F.unfold(as_pixels(pictures), BLOCK, stride=BLOCK).mT.flatten(0, 1).double()
        mean = blocks.mean(0)
        values, vectors = torch.linalg.eigh((blocks - mean).T @ (blocks - mean) / len(blocks))
        sizes = (
            torch.tensor([0.5, 1, 1, 1]) / values[-CHANNELS:].sqrt()
        )  # slopes are rare and steep
        leading = vectors[:, -CHANNELS:] * sizes  # (48, 4)
        weight = leading.T.reshape(CHANNELS, 3, BLOCK, BLOCK).flip(0)
        return cls(weight.float(), -(weight.flatten(1) @ mean).float())

    def state(self) -> dict[str, Tensor]:
        return {"weight": self.weight, "bias": self.bias}


def as_pixels(pictures: NDArray[np.uint8]) -> Tensor:
    """(n, 64, 64, 3) uint8 to (n, 3, 64, 64) in -1 … 1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
