"""What a file is that is not a LoRA for Stable Diffusion, by its keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import NotALora
from ..records import Shapes

DOT = r"(?:^|[._])"  # the beginning of a word of a key
N = r"[._][0-9]+[._]"

# The first that fits any key counts; the order goes from the particular to the general.
THINGS: tuple[tuple[str, str], ...] = (
    ("a ControlNet-LLLite", r"^lllite_"),
    ("a ControlNet-LoRA", r"^lora_controlnet$"),
    ("an AnimateDiff motion LoRA", r"motion_modules[._].*lora"),
    ("an AnimateDiff motion module", r"motion_modules[._]"),
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

# Keys of LoRAs for other models. Where two models have the same names, shapes decide (`_family`).
MODELS: tuple[tuple[str, str], ...] = (
    ("Stable Cascade", rf"^lora_prior_|{DOT}channelwise[._]"),
    ("HiDream", rf"{DOT}(double|single)_stream_blocks[._]"),
    ("HunyuanVideo", rf"{DOT}(individual_)?token_refiner[._]"),
    ("Chroma", rf"{DOT}distilled_guidance_layer[._]"),
    ("AuraFlow", rf"{DOT}(joint_transformer_blocks|double_layers){N}"),
    ("Flux", rf"{DOT}(double_blocks|single_blocks|single_transformer_blocks){N}"),
    ("Stable Diffusion 3", rf"{DOT}joint_blocks{N}"),
    ("Qwen-Image", rf"{DOT}transformer_blocks{N}(img|txt)_(mlp|mod)[._]"),
    ("LTX-Video", rf"{DOT}patchify_proj|{DOT}audio_attn1[._]"),
    ("a diffusion transformer", rf"{DOT}transformer_blocks{N}attn[12][._]"),
    ("a transformer with joint attention", rf"{DOT}transformer_blocks{N}attn[._]"),
    ("Wan", rf"{DOT}blocks{N}(self_attn|cross_attn)[._](q|k|v|o|k_img|v_img)([.]|$)"),
    ("Wan", rf"{DOT}blocks{N}attn[12][._]to_(q|k|v|out)"),
    ("Anima or Cosmos", rf"{DOT}blocks{N}(self_attn|cross_attn)[._](q_proj|k_proj|output_proj)"),
    ("Anima or Cosmos", rf"{DOT}llm_adapter[._]"),
    ("Hunyuan-DiT", rf"{DOT}blocks{N}attn[12][._](Wqkv|kv_proj|q_proj)"),
    ("Krea 2", rf"{DOT}blocks{N}attn[._](wq|wk|wv|wo|gate)([.]|$)"),
    ("PixArt", rf"{DOT}blocks{N}(attn[._]qkv|cross_attn[._]kv_linear)"),
    ("Z-Image or Lumina", rf"{DOT}(noise_refiner|context_refiner|layers){N}attention[._]"),
    ("a language model", rf"{DOT}layers{N}(self_attn[._][qkvo]_proj|mlp[._](gate|up|down)_proj)"),
)
WEIGHTS: tuple[tuple[str, str], ...] = (  # of models, where no key is a LoRA's
    ("the weights of a UNet", rf"^(unet[.])?(down_blocks|up_blocks|mid_block|input_blocks){N}"),
    ("the weights of a text encoder", r"^(text_encoder[.])?(text_model|encoder)[.].*layers?[.]"),
    ("the weights of a transformer", rf"{DOT}(transformer_blocks|blocks|layers){N}"),
)
LORA = re.compile(r"lora|hada_|lokr_|oft_|boft_|ia3_|[._]alpha$|[._]diff(_b)?$|[._]dora_scale$")
NAMED = {  # in ss_base_model_version or modelspec.architecture
    "flux": "Flux",
    "sd3": "Stable Diffusion 3",
    "stable-diffusion-3": "Stable Diffusion 3",
    "hunyuan": "Hunyuan",
    "wan": "Wan",
    "qwen": "Qwen-Image",
    "lumina": "Lumina",
    "zimage": "Z-Image",
    "z-image": "Z-Image",
    "z_image": "Z-Image",
    "chroma": "Chroma",
    "anima": "Anima",
    "krea": "Krea 2",
    "hidream": "HiDream",
    "ltx": "LTX-Video",
    "kolors": "Kolors",
    "pixart": "PixArt",
    "auraflow": "AuraFlow",
    "cascade": "Stable Cascade",
    "stable_cascade": "Stable Cascade",
    "framepack": "FramePack",
}


def refusal(path: Path, shapes: Shapes, metadata: Mapping[str, str]) -> NotALora:
    """What the file is, given that it is not a LoRA that can be used."""
    if what := _other_thing(shapes):
        return NotALora(path, what)
    first = _short(next(iter(shapes)))
    model = other_model(shapes, metadata) or f"a model not known here ({first})"
    return NotALora(path, f"a LoRA for {model}", model)


def _other_thing(shapes: Shapes) -> str | None:
    """What it is, if not a LoRA for any model."""
    if not shapes:
        return "a file without tensors"
    for what, pattern in THINGS:
        if _any(pattern, shapes):
            return what
    if _any(LORA, shapes):
        return None
    weights = (what for what, pattern in WEIGHTS if _any(pattern, shapes))
    first = _short(next(iter(shapes)))
    return next(weights, f"some other file ({len(shapes)} tensors, the first is {first})")


def decisive(shapes: Shapes) -> bool:
    """Does one key say that this is not a LoRA, whatever the others are?"""
    return "lora_controlnet" in shapes


def other_model(shapes: Shapes, metadata: Mapping[str, str]) -> str | None:
    """The model other than Stable Diffusion that the metadata or the keys name, if any."""
    named = model_named(metadata)
    if named:
        return named
    for model, pattern in MODELS:
        if _any(pattern, shapes):
            return _family(model, shapes)
    return None


def model_named(metadata: Mapping[str, str]) -> str | None:
    """The model other than Stable Diffusion 1, 2 and XL that the metadata names, if any."""
    said = (metadata.get("ss_base_model_version", ""), metadata.get("modelspec.architecture", ""))
    for text in said:
        for beginning, model in NAMED.items():
            if text.lower().startswith(beginning):
                return model
    return None


def _family(model: str, shapes: Shapes) -> str:
    """Tells Flux, Qwen-Image and Stable Diffusion 3 from each other where names do not."""
    if not model.startswith("a transformer"):
        return model
    numbers = [
        int(n) for key in shapes for n in re.findall(rf"{DOT}transformer_blocks[._](\d+)", key)
    ]
    widths = {size for shape in shapes.values() for size in shape}
    if widths & {1536, 2432}:
        return "Stable Diffusion 3"
    return "Qwen-Image" if max(numbers) >= 38 or 3072 in widths else model


def _any(pattern: str | re.Pattern[str], keys: Iterable[str]) -> bool:
    search = re.compile(pattern).search
    return any(search(key) for key in keys)


def _short(key: str, most: int = 80) -> str:
    shown = key if len(key) <= most else key[:most] + "…"
    return repr(shown)
