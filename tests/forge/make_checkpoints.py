"""Random checkpoints that Forge, reForge and Forge Neo load: SD 1.5 of 640 MB, SDXL of 2.4 GB."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from . import shapes, xl_shapes


def make_checkpoints(folder: Path) -> None:
    """small-a and small-b: one layout, other weights in the UNet and the text encoder."""
    folder.mkdir(parents=True)
    for seed, name in enumerate(("small-a", "small-b")):
        make(folder / f"{name}.safetensors", shapes.checkpoint(), seed)


def make_rounded(file: Path) -> None:
    """small-a in bfloat16."""
    kept = Path(os.environ.get("FORGE_CHECKPOINTS") or file.parent, file.name)
    if not kept.exists():
        whole = load_file(file.parent / "small-a.safetensors")
        save_file({name: tensor.bfloat16() for name, tensor in whole.items()}, kept)
    if not file.exists():
        file.symlink_to(kept)


def make_xl(file: Path) -> None:
    """One of SDXL."""
    make(file, xl_shapes.checkpoint(), 3)


def make(file: Path, named: Iterable[shapes.Named], seed: int) -> None:
    """Writes it, or leads to the one that an earlier run has left in FORGE_CHECKPOINTS."""
    kept = Path(os.environ.get("FORGE_CHECKPOINTS") or file.parent, file.name)
    if not kept.exists():
        save_file(_random(named, seed), kept)
    if kept != file:
        file.symlink_to(kept)


def _random(named: Iterable[shapes.Named], seed: int) -> dict[str, torch.Tensor]:
    """Weights that keep the size of what goes through; the VAE's are the same in all."""
    own, shared = (torch.Generator().manual_seed(number) for number in (seed, 7))
    tensors = {}
    for name, shape in named:
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
