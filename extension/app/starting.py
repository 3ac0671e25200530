"""The pictures to begin with, as latents: each drawing's own, and what several share once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from . import latents
from .inpainting import Inpainting
from .request import GenerationRequest, StartingPicture
from .sampling.questions import GeneratorNoise
from .sampling.sampling_task import StartingLatents


def masks_of(
    starts: Sequence[StartingPicture], size: tuple[int, int]
) -> Sequence[Inpainting | None]:
    """One for each picture to begin with; None where that has no mask."""
    made = {id(one): Inpainting(one, size) if one.mask else None for one in starts}
    return [made[id(one)] for one in starts]


def starting_latents(
    pipeline: Any, request: GenerationRequest, masks: Sequence[Inpainting | None]
) -> StartingLatents:
    """One for each prompt. All have masks, or none has."""
    starts, encoded = request.starts, dict[int, Tensor]()
    size = request.width or 0, request.height or 0
    for start, mask in zip(starts, masks, strict=True):
        if id(start) not in encoded:
            picture = latents.fitted(start.image.convert("RGB"), size)
            source = picture if mask is None else mask.source
            encoded[id(start)] = latents.encoded(pipeline, [source]).float()
    found, strength = torch.cat([encoded[id(start)] for start in starts]), starts[0].strength
    soft = [mask for mask in masks if mask is not None]
    if not soft:
        return StartingLatents(found, strength)
    kept = torch.cat([one.kept(found.shape[3], found.shape[2]) for one in soft]).to(found.device)
    noise = GeneratorNoise(request.seeds, found.shape[1:], found.device).next()
    began = [
        mask.began(found[row : row + 1], kept[row : row + 1], noise[row : row + 1])
        for row, mask in enumerate(soft)
    ]
    return StartingLatents(torch.cat(began), strength, kept=kept)
