"""What a file is that is not a LoRA for Stable Diffusion, by its keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from .. import algorithms, formats
from ..errors import NotALora
from ..records import Shapes
from . import other_algorithms, strangers
from .other_models import DOT, N, decisive, found_in, other_model

MOST = 20_000  # keys; a LoRA of every layer of SDXL has 7,000

# The first that fits any key counts; the order goes from the particular to the general.
THINGS: tuple[tuple[str, str], ...] = (
    ("a ControlNet-LLLite", r"^lllite_"),
    ("a ControlNet-LoRA", r"^lora_controlnet$"),
    ("an AnimateDiff motion LoRA", r"motion_modules[._].*lora"),
    ("an AnimateDiff motion module", r"motion_modules[._]"),
    ("a PhotoMaker adapter", r"^(id_encoder|lora_weights)\."),
    ("an IP-Adapter", r"^(image_proj|ip_adapter)(_model)?[.]"),
    ("a ControlNet", r"^(control_model|controlnet)[._]|controlnet_down_blocks|input_hint_block"),
    ("a T2I-Adapter", r"^(adapter\.)?body\.[0-9]+\.(block|in_conv|resnets)"),
    ("a hypernetwork", r"^(320|640|768|1024|1280)\.[01]\."),
    ("a textual inversion", r"^(emb_params|string_to_param\.|clip_[lg]$|<[^>]*>$)"),
    ("a full checkpoint", r"^(model\.diffusion_model|first_stage_model|cond_stage_model)\."),
    ("a full checkpoint", r"^conditioner\.embedders\."),
    ("a VAE", r"^(encoder|decoder)\.(down|up|mid|conv_in)[._]"),
    ("an upscaler", r"^(model\.)?(RRDB_trunk|body\.0\.rdb1|sub\.[0-9]+\.RDB)"),
)
WEIGHTS: tuple[tuple[str, str], ...] = (  # of models, where no key is a LoRA's
    ("the weights of a UNet", rf"^(unet[.])?(down_blocks|up_blocks|mid_block|input_blocks){N}"),
    ("the weights of a text encoder", r"^(text_encoder[.])?(text_model|encoder)[.].*layers?[.]"),
    ("the weights of a transformer", rf"{DOT}(transformer_blocks|blocks|layers){N}"),
)
LORA = re.compile(r"lora|hada_|lokr_|oft_|boft_|ia3_|[._]alpha$|[._]diff(_b)?$|[._]dora_scale$")


def demand_size(path: Path, count: int) -> None:
    """NotALora where a file has more tensors than any LoRA, before all of them are looked at."""
    if count > MOST:
        raise NotALora(path, f"a file of {count:,} tensors, where a LoRA has some thousands")


def refusal(
    path: Path, shapes: Shapes, metadata: Mapping[str, str], peft_type: str = ""
) -> NotALora:
    """What the file is, given that it is not a LoRA that can be used."""
    if what := thing(shapes):
        return NotALora(path, what)
    if what := _adapter(shapes, peft_type):
        return NotALora(path, what, algorithm=True)
    if what := _weights(shapes):
        return NotALora(path, what)
    first = _short(next(iter(shapes)))
    model = other_model(shapes, metadata) or f"a model not known here ({first})"
    return NotALora(path, f"a LoRA for {model}", model)


def is_decisive(shapes: Shapes) -> bool:
    """Does one key say that this is not a LoRA for Stable Diffusion, whatever the others are?"""
    return "lora_controlnet" in shapes or decisive(shapes) is not None


def thing(shapes: Shapes) -> str | None:
    """What it is, if neither weights nor an adapter for any model."""
    if not shapes:
        return "a file without tensors"
    return next((what for what, pattern in THINGS if found_in(pattern, shapes)), None)


def _adapter(keys: Iterable[str], peft_type: str) -> str | None:
    """Tensors of no algorithm on layers of Stable Diffusion; None where one of them is known.

    `peft_type` is the algorithm by PEFT's configuration.
    """
    strange: list[tuple[str, str]] = []
    for key in keys:
        known = algorithms.split(key)
        if known and formats.place(known[0]):
            return None
        if layer := next((one for one in strangers.beginnings(key) if formats.place(one)), None):
            strange.append((key, key[len(layer) + 1 :].partition(".")[0]))
    if not strange:
        return None
    named = (other_algorithms.named(key) for key, _ in strange)
    other = f"{peft_type or 'an algorithm not known here'} ({strange[0][1]})"
    return f"an adapter for Stable Diffusion by {next(filter(None, named), other)}"


def _weights(shapes: Shapes) -> str | None:
    """Which model's weights it holds, if no key is a LoRA's."""
    if found_in(LORA, shapes):
        return None
    weights = (what for what, pattern in WEIGHTS if found_in(pattern, shapes))
    if what := next(weights, None):
        return what
    if other_model(shapes, {}) is not None:
        return None
    first = _short(next(iter(shapes)))
    if name := next(filter(None, map(other_algorithms.named, shapes)), None):
        return f"an adapter by {name}"
    return f"some other file ({len(shapes)} tensors, the first is {first})"


def _short(key: str, most: int = 80) -> str:
    shown = key if len(key) <= most else key[:most] + "…"
    return repr(shown)
