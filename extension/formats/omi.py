"""OneTrainer's OMI files (`ot_branch=omi_format`)."""

from __future__ import annotations

from typing import ClassVar

from .base import Format

_LDM_ROOTS = (
    "input_blocks.",
    "middle_block.",
    "output_blocks.",
    "time_embed.",
    "label_emb.",
    "out.",
)


class Omi(Format):
    """`unet.` + LDM path, `clip_l.` and `clip_g.` + path of the text encoder."""

    name = "OMI"
    prefixes: ClassVar = {
        **{f"unet.{root}": "unet" for root in _LDM_ROOTS},
        "clip_l.": "text_encoder",
        "clip_g.": "text_encoder_2",
    }

    def path(self, module: str, prefix: str) -> str:
        return module.partition(".")[2]
