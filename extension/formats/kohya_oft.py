"""kohya-ss/sd-scripts' networks/oft.py, which has prefixes of its own."""

from __future__ import annotations

from typing import ClassVar

from .base import Format


class KohyaOft(Format):
    """`oft_unet_` + path with underscores: diffusers' on SD 1 and SD 2, LDM's on SDXL."""

    name = "kohya OFT"
    prefixes: ClassVar = {
        "oft_unet_": "unet",
        "oft_te_": "text_encoder",
        "oft_te1_": "text_encoder",
        "oft_te2_": "text_encoder_2",
    }
