"""A picture to begin with, as a drawing needs it: latents before, the picture around it after."""

from __future__ import annotations

from typing import Any

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
