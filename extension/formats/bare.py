"""Paths without any prefix: AnimateDiff's adapters, early diffusers, raw state dicts of PEFT."""

from __future__ import annotations

from typing import ClassVar

from .base import Format
from .diffusers import modern

_UNET = (
    "down_blocks",
    "mid_block",
    "up_blocks",
    "conv_in",
    "conv_out",
    "conv_norm_out",
    "time_embedding",
    "add_embedding",
    "class_embedding",
    "input_blocks",
    "middle_block",
    "output_blocks",
    "time_embed.",
    "label_emb.",
    "out.",
)
_TEXT = (
    "text_model",
    "encoder.layers.",
    "encoder_layers_",
    "text_projection",
    "embeddings",
    "final_layer_norm",
    "transformer.resblocks.",
    "transformer.text_model.",
)


class Bare(Format):
    """The path alone, of either layout; it does not say which text encoder is meant."""

    name = "bare"
    prefixes: ClassVar = {**dict.fromkeys(_UNET, "unet"), **dict.fromkeys(_TEXT, "text_encoder")}

    def path(self, module: str, prefix: str) -> str:
        return modern(module)
