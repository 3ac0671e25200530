"""What half-drawn pictures look like, at a bounded share of the drawing's time."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from .latents import without_overflow

LARGEST = 32  # side of the latents that are decoded: 256 pixels for Stable Diffusion
SHARE = 0.1  # of the time, at most
PAUSE = 0.2  # seconds between two: faster than the eye follows is wasted


class PreviewDecoder:
    """Called after each step with the latents; pictures when their turn has come, else none."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.next = 0.0

    def __call__(self, latents: Tensor) -> tuple[Image.Image, ...]:
        start = perf_counter()
        if start < self.next:
            return ()
        pictures = self.look(latents)
        end = perf_counter()
        self.next = end + max(PAUSE, (end - start) * (1 / SHARE - 1))
        return pictures

    @torch.no_grad()
    def look(self, latents: Tensor) -> tuple[Image.Image, ...]:
        """The batch's pictures. latents: (n, 4, h, w)."""
        vae = self.pipeline.vae
        small = _reduced(latents / latents.std().clamp(min=1))  # Euler's grow with sigma
        with without_overflow(vae):
            decoded = vae.decode(small.to(vae.dtype) / vae.config.scaling_factor).sample
        pixels = (decoded.float().nan_to_num() / 2 + 0.5).clamp(0, 1)  # (n, 3, H, W)
        arrays = (pixels * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        return tuple(Image.fromarray(array) for array in arrays)


def _reduced(latents: Tensor) -> Tensor:
    """At most LARGEST high and wide."""
    factor = LARGEST / max(latents.shape[-2:])
    return latents if factor >= 1 else F.interpolate(latents, scale_factor=factor, mode="area")
