"""LyCORIS' wrapper (`create_lycoris`), and SimpleTuner through it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from .base import Format, LayerRef
from .registry import place


class Lycoris(Format):
    """`lycoris_` + path with underscores; a wrapped text encoder has the same prefix."""

    name = "LyCORIS"
    prefixes: ClassVar = {"lycoris_": "unet"}

    def target(self, module: str, prefix: str) -> LayerRef | None:
        path = self.path(module, prefix)
        inner = place(path) or place(f"lora_{path}")  # `lycoris_unet_`, `lycoris_te1_`
        return inner and replace(inner, format=self.name)
