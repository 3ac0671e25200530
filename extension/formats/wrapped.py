"""State dicts of wrapped modules: DistributedDataParallel, torch.compile."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from .base import Format, LayerRef
from .registry import place


class Wrapped(Format):
    """`module.` or `_orig_mod.` + the path in any other dialect."""

    name = "wrapped"
    prefixes: ClassVar = {"module.": "unet", "_orig_mod.": "unet"}

    def target(self, module: str, prefix: str) -> LayerRef | None:
        inner = place(self.path(module, prefix))
        return inner and replace(inner, format=self.name)
