"""Pictures to latents and back, and both enlarged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

# What the webui calls its upscalers: on latents how they are interpolated, on pixels how resampled.
LATENT: Mapping[str, Mapping[str, Any]] = {
    "Latent": {"mode": "bilinear", "antialias": False},
    "Latent (antialiased)": {"mode": "bilinear", "antialias": True},
    "Latent (bicubic)": {"mode": "bicubic", "antialias": False},
    "Latent (bicubic antialiased)": {"mode": "bicubic", "antialias": True},
    "Latent (nearest)": {"mode": "nearest"},
    "Latent (nearest-exact)": {"mode": "nearest-exact"},
}
PIXELS = {
    "Lanczos": Image.Resampling.LANCZOS,
    "Nearest": Image.Resampling.NEAREST,
    "None": Image.Resampling.LANCZOS,
}
UPSCALERS = (*LATENT, *PIXELS)


@torch.no_grad()
def decoded(pipeline: Any, latents: Tensor) -> list[Image.Image]:
    """The pictures of latents (n, 4, h, w)."""
    vae = pipeline.vae
    with without_overflow(vae):
        values = latents.to(vae.dtype) / vae.config.scaling_factor
        pixels = vae.decode(values).sample.float()
    shades = ((pixels + 1) / 2).clamp(0, 1).movedim(1, 3) * 255
    # Cut off, not rounded, as the webui's pictures are.
    return [Image.fromarray(one) for one in shades.to(torch.uint8).cpu().numpy()]


@torch.no_grad()
def encoded(pipeline: Any, images: Sequence[Image.Image]) -> Tensor:
    """The latents of pictures of one size: the mean of what the autoencoder finds likely.

    Of a side that is no multiple of its scale, it leaves out the rest.
    """
    vae = pipeline.vae
    values = np.stack([np.asarray(image.convert("RGB"), np.float32) / 255 for image in images])
    pixels = 2 * torch.from_numpy(values).movedim(3, 1) - 1
    with without_overflow(vae):
        found = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist.mode()
    latents: Tensor = (found * vae.config.scaling_factor).to(pipeline.unet.dtype)
    return latents


def enlarged(
    pipeline: Any,
    latents: Tensor,
    size: tuple[int, int],
    upscaler: str,
    encode: Callable[[Any, Sequence[Image.Image]], Tensor] = encoded,
) -> Tensor:
    """The latents of the same pictures in another size, (width, height) in pixels."""
    if upscaler in LATENT:
        factor = pipeline.vae_scale_factor
        shape = (size[1] // factor, size[0] // factor)
        return F.interpolate(latents, size=shape, **LATENT[upscaler])
    images = [image.resize(size, PIXELS[upscaler]) for image in decoded(pipeline, latents)]
    return encode(pipeline, images)


@contextmanager
def without_overflow(vae: Any) -> Iterator[None]:
    """SDXL's autoencoder overflows in fp16; to fp32 and back is exact."""
    if vae.dtype != torch.float16 or not vae.config.force_upcast:
        yield
        return
    vae.to(torch.float32)
    try:
        yield
    finally:
        vae.to(torch.float16)
