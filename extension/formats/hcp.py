"""HCP-Diffusion: `lora:` + path, `.___.` between the layer and its plugin."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from .base import Format, Place
from .registry import place


class Hcp(Format):
    """A UNet and a text encoder are in files of their own, whose paths are bare."""

    name = "HCP"
    prefixes: ClassVar = {"lora:": "unet"}

    def target(self, module: str, prefix: str) -> Place | None:
        inner = place(self.path(module, prefix))
        return inner and replace(inner, format=self.name)
