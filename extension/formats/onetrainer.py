"""OneTrainer's own names with dots, as its internal state has them."""

from __future__ import annotations

from typing import ClassVar

from .base import Format


class OneTrainer(Format):
    """`lora_unet.` + dotted diffusers path, `lora_te.`, `lora_te1.`, `lora_te2.`."""

    name = "OneTrainer"
    prefixes: ClassVar = {
        "lora_unet.": "unet",
        "lora_te.": "text_encoder",
        "lora_te1.": "text_encoder",
        "lora_te2.": "text_encoder_2",
    }
