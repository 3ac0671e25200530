"""Pictures of the small pipelines, and how near two of them are if nothing differs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

STEPS = 2
SAME = 1e-9  # relative, in float64
SIDE = 32  # pixels: 8 in the latents


def latents(pipe: Any, call: Any = None, **options: Any) -> Tensor:
    """What the pipeline draws, or `call` in its place: (pictures, 4, 8, 8), from one seed."""
    generator = torch.Generator().manual_seed(7)
    options = {
        "num_inference_steps": STEPS,
        "height": SIDE,
        "width": SIDE,
        "output_type": "latent",
    } | options
    return (call or pipe)(generator=generator, **options).images
