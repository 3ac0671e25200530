"""PEFT's `save_pretrained`."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from .base import Format, LayerRef
from .registry import place


class Peft(Format):
    """`base_model.model.` + the path in any other dialect, mostly bare diffusers."""

    name = "PEFT"
    prefixes: ClassVar = {"base_model.model.": "unet"}

    def target(self, module: str, prefix: str) -> LayerRef | None:
        inner = place(self.path(module, prefix))
        return inner and replace(inner, format=self.name)
