"""Random SD 1.5 checkpoints that Forge, reForge and Forge Neo load, 640 MB each in 16 bits."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors.torch import save_file

from .shapes import checkpoint


def make_checkpoints(folder: Path) -> None:
    """small-a and small-b: one layout, other weights in the UNet and the text encoder."""
    folder.mkdir(parents=True)
    for seed, name in enumerate(("small-a", "small-b")):
        save_file(_random(seed), folder / f"{name}.safetensors")


def _random(seed: int) -> dict[str, torch.Tensor]:
    """Weights that keep the size of what goes through; the VAE's are the same in all."""
    own, shared = (torch.Generator().manual_seed(number) for number in (seed, 7))
    tensors = {}
    for name, shape in checkpoint():
        generator = shared if name.startswith("first_stage") else own
        noise = torch.randn(shape, generator=generator)
        if name.endswith("bias"):
            noise *= 0.1
        elif len(shape) < 2:
            noise = 1 + 0.1 * noise
        else:
            noise *= 0.3 if "embedding" in name else 1 / math.sqrt(math.prod(shape[1:]))
        tensors[name] = noise.half()
    return tensors
