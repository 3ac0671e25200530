"""kohya-ss/sd-scripts, and most trainers and converters after it."""

from __future__ import annotations

from typing import ClassVar

from .base import Format


class Kohya(Format):
    """`lora_unet_` + path with underscores, `lora_te_` / `lora_te1_` / `lora_te2_`.

    The UNet's path is diffusers' on SD 1 and SD 2, LDM's from sd-scripts and LyCORIS on SDXL, and
    diffusers' again on SDXL from OneTrainer, ai-toolkit, sliders and LCM. Trainers on transformers
    5 leave `text_model_` out. Dots left in the path (d8ahazard's dreambooth) do no harm.
    """

    name = "kohya"
    prefixes: ClassVar = {
        "lora_unet_": "unet",
        "lora_te_": "text_encoder",
        "lora_te1_": "text_encoder",
        "lora_te2_": "text_encoder_2",
    }
