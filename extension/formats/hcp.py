"""HCP-Diffusion: dictionaries unfolded with `:`, and `.___.` between the layer and its plugin."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from .base import Format, LayerRef
from .registry import place

_PARTS = {"denoiser.": "unet.", "TE.clip_L.": "text_encoder.", "TE.clip_bigG.": "text_encoder_2."}


class Hcp(Format):
    """`lora:` + bare path (a file for each model), `base:denoiser.` or `base:TE.` + path."""

    name = "HCP"
    prefixes: ClassVar = {"lora:": "unet", "base:": "unet"}

    def target(self, module: str, prefix: str) -> LayerRef | None:
        path = self.path(module, prefix)
        for theirs, known in _PARTS.items():
            path = path.replace(theirs, known, 1) if path.startswith(theirs) else path
        inner = place(path.removeprefix("TE."))
        return inner and replace(inner, format=self.name)
