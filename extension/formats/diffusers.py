"""diffusers' `save_lora_weights`, of every era."""

from __future__ import annotations

from typing import ClassVar

from .base import Format

_PROCESSOR = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"}


class Diffusers(Format):
    """`unet.`, `text_encoder.` or `text_encoder_2.` + the dotted path.

    Attention processors (until 0.20) wrote `attn1.processor.to_out` and, in text encoders,
    `self_attn.to_out`.
    """

    name = "diffusers"
    prefixes: ClassVar = {
        "unet.": "unet",
        "text_encoder.": "text_encoder",
        "text_encoder_2.": "text_encoder_2",
    }

    def path(self, module: str, prefix: str) -> str:
        return modern(module[len(prefix) :])


def modern(path: str) -> str:
    """The path of the layer itself, where an attention processor is named."""
    path = path.replace(".processor.", ".")
    head, _, leaf = path.rpartition(".")
    if leaf not in _PROCESSOR:
        return path
    if head.endswith("self_attn"):
        return f"{head}.{_PROCESSOR[leaf]}"
    return f"{path}.0" if leaf == "to_out" else path
