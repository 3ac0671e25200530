"""A picture to begin with, as a drawing needs it: latents before, the picture around it after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from PIL import Image
from torch.nn import functional as F

from . import latents
from .inpainting import inpainting_of
from .picture_fitting import LATENT, demand_known, opaque, resized
from .request import GenerationRequest, StartingPicture
from .sampling.questions import GeneratorNoise
from .sampling.sampling_task import StartingLatents


class Beginning:
    """Image to image; inpainting where there is a mask. `size` is the drawing's, in pixels."""

    def __init__(self, start: StartingPicture, size: tuple[int, int]) -> None:
        demand_known(start.resize)
        self.start, self.size = start, size
        self.mask = inpainting_of(start, size)

    def latents(self, pipeline: Any, request: GenerationRequest) -> StartingLatents:
        """Once for each prompt."""
        picture = self._whole() if self.mask is None else self.mask.source
        found = latents.encoded(pipeline, [picture]).float()
        shape = [side // pipeline.vae_scale_factor for side in reversed(self.size)]
        if list(found.shape[2:]) != shape:
            found = F.interpolate(found, size=shape, mode="bilinear")
        found = found.repeat(len(request.prompts), 1, 1, 1)
        if self.mask is None:
            return StartingLatents(found, self.start.strength)
        kept = self.mask.kept(found.shape[3], found.shape[2]).to(found.device)
        noise = GeneratorNoise(request.seeds, found.shape[1:], found.device).next()
        begun = self.mask.began(found, kept, noise)
        return StartingLatents(begun, self.start.strength, kept=kept)

    @property
    def notes(self) -> list[str]:
        """What was not as it was asked for."""
        if self.start.mask is None or self.mask is not None:
            return []
        return ["the mask is black, so that there is no part to draw: the whole picture was drawn"]

    def over(self, drawn: Image.Image) -> Image.Image:
        """The whole picture."""
        return drawn if self.mask is None else self.mask.over(drawn)

    def _whole(self) -> Image.Image:
        """In the size that is drawn, or in its own where latents are resized."""
        picture = opaque(self.start.image)
        if self.start.resize != LATENT:
            return resized(picture, self.size, self.start.resize)
        return picture


class Beginnings:
    """One for each picture of a drawing; those that begin with the same are made once."""

    def __init__(self, starts: Sequence[StartingPicture], size: tuple[int, int]) -> None:
        made = {id(one): Beginning(one, size) for one in starts}
        self.each = [made[id(one)] for one in starts]

    def latents(self, pipeline: Any, request: GenerationRequest) -> StartingLatents:
        """Once for each prompt; all have the same strength."""
        rows: dict[int, list[int]] = {}
        for index, one in enumerate(self.each):
            rows.setdefault(id(one), []).append(index)
        if len(rows) == 1:
            return self.each[0].latents(pipeline, request)
        found: dict[int, StartingLatents] = {}
        for indices in rows.values():
            prompts = tuple(request.prompts[i] for i in indices)
            seeds = tuple(request.seeds[i] for i in indices)
            asked = replace(request, prompts=prompts, own_seeds=seeds)
            begun = self.each[indices[0]].latents(pipeline, asked)
            found.update((i, begun.of_picture(row)) for row, i in enumerate(indices))
        every = [found[index] for index in range(len(self.each))]
        return StartingLatents(
            torch.cat([one.latents for one in every]), every[0].strength, kept=_kept(every)
        )

    def over(self, drawn: Sequence[Image.Image]) -> list[Image.Image]:
        """The whole pictures."""
        return [one.over(picture) for one, picture in zip(self.each, drawn, strict=True)]


def _kept(every: Sequence[StartingLatents]) -> torch.Tensor | None:
    """Row by row; nothing is kept of one without a mask."""
    if all(one.kept is None for one in every):
        return None
    return torch.cat(
        [torch.zeros_like(one.latents[:, :1]) if one.kept is None else one.kept for one in every]
    )
