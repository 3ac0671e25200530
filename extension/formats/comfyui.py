"""ComfyUI's own saver and the extractors that share its names."""

from __future__ import annotations

from typing import ClassVar

from .base import Format


class ComfyUI(Format):
    """`diffusion_model.` + LDM path, `text_encoders.clip_l.` + path of the text encoder."""

    name = "ComfyUI"
    prefixes: ClassVar = {
        "diffusion_model.": "unet",
        "text_encoders.clip_l.": "text_encoder",
        "text_encoders.clip_h.": "text_encoder",
        "text_encoders.clip_g.": "text_encoder_2",
    }
