"""cloneofsimo/lora, the first of all: tensors by number, in the order of the model's modules.

`unet:{i}:up`, `unet:{i}:down`, `text_encoder:{i}:…` with the blocks' class names in the
metadata (`{"unet": '["CrossAttention", "GEGLU"]'}`); in a .pt a plain list up, down, up, down, ….
It has no α: the scale is 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from ..records import Shapes
from .base import Format

_KEY = re.compile(r"(unet|text_encoder):([0-9]{1,4}):(up|down)")
_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
_TEXT = ("k_proj", "v_proj", "q_proj", "out_proj")  # the order of transformers' CLIPAttention
_RESNET = ("conv1", "time_emb_proj", "conv2")
_TEXT_LAYERS = 32  # of the largest text encoder; a file has as many as it has
_ATTENTIVE = 144  # layers of the UNet without its resnets
_LISTS = {2 * _ATTENTIVE: "unet", 96: "text_encoder"}  # by the tensors of SD 1's .pt files


class Cloneofsimo(Format):
    """Respelt as diffusers would; `extended` files hold the resnets' layers too."""

    name = "cloneofsimo"
    prefixes: ClassVar = {"cloneofsimo:unet.": "unet", "cloneofsimo:text_encoder.": "text_encoder"}

    def spell(self, shapes: Shapes, metadata: Mapping[str, str]) -> Mapping[str, str] | None:
        if any(map(_KEY.fullmatch, shapes)):
            return dict(_numbered(shapes, metadata))
        return dict(_listed(shapes)) or None


def _numbered(shapes: Shapes, metadata: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    found = {key: match for key in shapes if (match := _KEY.fullmatch(key))}
    extended = "ResnetBlock2D" in _names(metadata.get("unet", "")) or any(
        match[1] == "unet" and int(match[2]) >= _ATTENTIVE for match in found.values()
    )
    layers = {"unet": list(_unet_layers(extended)), "text_encoder": list(_text_layers())}
    for key, match in found.items():
        known = layers[match[1]]
        if int(match[2]) < len(known):
            yield key, _spelling(match[1], known[int(match[2])], match[3])


def _listed(shapes: Shapes) -> Iterator[tuple[str, str]]:
    """A list for SD 1; its length says for which model."""
    part = _LISTS.get(len(shapes))
    if part is None or list(shapes) != [str(place) for place in range(len(shapes))]:
        return
    layers = list(_text_layers() if part == "text_encoder" else _unet_layers(False))
    for place, key in enumerate(shapes):
        yield key, _spelling(part, layers[place // 2], "down" if place % 2 else "up")


def _spelling(part: str, layer: str, direction: str) -> str:
    return f"cloneofsimo:{part}.{layer}.lora_{direction}.weight"


def _text_layers() -> Iterator[str]:
    for number in range(_TEXT_LAYERS):
        yield from (f"text_model.encoder.layers.{number}.self_attn.{leaf}" for leaf in _TEXT)


def _names(classes: str) -> Sequence[str]:
    try:
        found = json.loads(classes)
    except (ValueError, RecursionError):
        return ()
    return [str(name) for name in found] if isinstance(found, list) else ()


def _unet_layers(extended: bool) -> Iterator[str]:
    """Layers in the order of `model.modules()`, as this dialect numbers them, of SD 1 and SD 2.

    Down, up, middle; in each block the attentions stand before the resnets.
    """
    for level in range(4):
        widened = {0} if level in (1, 2) else set()
        yield from _block(f"down_blocks.{level}", 2 * (level < 3), 2, widened, extended)
    for level in range(4):
        yield from _block(f"up_blocks.{level}", 3 * (level > 0), 3, {0, 1, 2}, extended)
    yield from _block("mid_block", 1, 2, set(), extended)


def _block(
    block: str, attentions: int, resnets: int, widened: set[int], extended: bool
) -> Iterator[str]:
    """`widened` resnets have a shortcut."""
    for number in range(attentions):
        path = f"{block}.attentions.{number}.transformer_blocks.0"
        yield from (f"{path}.attn1.{leaf}" for leaf in _ATTENTION)
        yield f"{path}.ff.net.0.proj"
        yield from (f"{path}.attn2.{leaf}" for leaf in _ATTENTION)
    for number in range(resnets if extended else 0):
        shortcut = ("conv_shortcut",) if number in widened else ()
        yield from (f"{block}.resnets.{number}.{leaf}" for leaf in (*_RESNET, *shortcut))
