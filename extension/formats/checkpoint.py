"""The names of a checkpoint's own modules, as trainers inside LDM and sgm write them."""

from __future__ import annotations

from typing import ClassVar

from .base import Format


class CheckpointKeys(Format):
    """`model.diffusion_model.`, `cond_stage_model.`, `conditioner.embedders.0.` and `.1.`"""

    name = "LDM"
    prefixes: ClassVar = {
        "model.diffusion_model.": "unet",
        "cond_stage_model.": "text_encoder",
        "conditioner.embedders.0.": "text_encoder",
        "conditioner.embedders.1.": "text_encoder_2",
    }
