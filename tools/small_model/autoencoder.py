"""The KL autoencoder: 64 × 64 × 3 pixels to the 16 × 16 × 4 latents of `blocks.py`, and back."""

from __future__ import annotations

from math import log
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional as F

from .blocks import Blocks, as_pixels
from .loop import Plan, device
from .pictures import pictures

PLAN = Plan(steps=1500, lr=3e-3, warmup=30, average=0.99)
BATCH = 8
NOISE = 0.05


def build() -> AutoencoderKL:
    torch.manual_seed(1)
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,  # large groups: normalising takes a group's mean, here the colour
        sample_size=64,
    )


def edges(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.diff(dim=2), x.diff(dim=3)


class AutoencoderTask:
    """The encoder learns the given latents, the decoder to undo them.

    The loss is L1 on pixels and on their differences. The decoder sees latents with a little
    noise, as a sampler leaves them, and the posterior is as wide.
    """

    def __init__(
        self, worker: int, folder: Path, blocks: Blocks, count: int = 6000, batch: int = BATCH
    ) -> None:
        self.model = build().to(device())
        plain, looks = pictures(folder, count), pictures(folder, count // 2, looks=True)
        self.pictures, self.batch, self.blocks = np.concatenate([plain, looks]), batch, blocks
        self.random = np.random.default_rng(worker)

    def loss(self) -> Tensor:
        chosen = self.random.integers(len(self.pictures), size=self.batch)
        x = as_pixels(self.pictures[chosen]).to(device())
        z = self.blocks(x)
        y = self.model.decode(z + NOISE * torch.randn_like(z)).sample
        sharp = sum(F.l1_loss(a, b) for a, b in zip(edges(y), edges(x), strict=True))
        return F.l1_loss(y, x) + sharp + self.encoding(x[: self.batch // 4], z[: self.batch // 4])

    def encoding(self, x: Tensor, z: Tensor) -> Tensor:
        """How far the posterior is from a normal one around z: the easier half."""
        posterior = self.model.encode(x).latent_dist
        width: Tensor = (posterior.logvar - 2 * log(NOISE)).square().mean()
        return F.mse_loss(posterior.mean, z) + 0.01 * width
