"""LoRAs for models that this program does not run, named by their keys, shapes and metadata."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from ..records import Shapes

DOT = r"(?:^|[._])"  # the beginning of a word of a key
N = r"[._][0-9]+[._]"

# Keys that Stable Diffusion's own models never have, whatever stands beside them.
DECISIVE: tuple[tuple[str, str], ...] = (
    (
        "Stable Video Diffusion",
        r"temporal_transformer_blocks|temporal_res_block|[._]time_(stack|mixer)[._]",
    ),
)
# Keys of LoRAs for other models. Where two models have the same names, shapes decide (`_family`).
MODELS: tuple[tuple[str, str], ...] = (
    ("Stable Cascade", rf"^lora_prior_|{DOT}channelwise[._]"),
    ("HiDream", rf"{DOT}(double|single)_stream_blocks[._]"),
    ("HunyuanVideo", rf"{DOT}(individual_)?token_refiner[._]"),
    ("Chroma", rf"{DOT}distilled_guidance_layer[._]"),
    ("AuraFlow", rf"{DOT}(joint_transformer_blocks|double_layers){N}"),
    ("HunyuanImage", rf"{DOT}double_blocks{N}(img|txt)_attn_[qkv]([._]|$)"),
    ("HunyuanVideo", rf"{DOT}double_blocks{N}(img|txt)_mlp[._]fc[12]"),
    ("Flux", rf"{DOT}(double_blocks|single_blocks|single_transformer_blocks){N}"),
    ("Stable Diffusion 3", rf"{DOT}joint_blocks{N}"),
    ("Qwen-Image", rf"{DOT}transformer_blocks{N}(img|txt)_(mlp|mod)[._]"),
    ("LTX-Video", rf"{DOT}patchify_proj|{DOT}audio_attn1[._]"),
    ("a diffusion transformer", rf"{DOT}transformer_blocks{N}attn[12][._]"),
    ("a transformer with joint attention", rf"{DOT}transformer_blocks{N}attn[._]"),
    ("Wan", rf"{DOT}blocks{N}(self_attn|cross_attn)[._](q|k|v|o|k_img|v_img)([.]|$)"),
    ("Wan", rf"{DOT}blocks{N}attn[12][._]to_(q|k|v|out)"),
    ("Wan", rf"{DOT}blocks{N}ffn[._](0|2|net)([._]|$)"),
    ("Anima or Cosmos", rf"{DOT}blocks{N}(self_attn|cross_attn)[._](q_proj|k_proj|output_proj)"),
    ("Anima or Cosmos", rf"{DOT}llm_adapter[._]"),
    ("Hunyuan-DiT", rf"{DOT}blocks{N}attn[12][._](Wqkv|kv_proj|q_proj)"),
    ("Krea 2", rf"{DOT}blocks{N}attn[._](wq|wk|wv|wo|gate)([.]|$)"),
    ("PixArt", rf"{DOT}blocks{N}(attn[._]qkv|cross_attn[._]kv_linear)"),
    ("OmniGen2", rf"{DOT}ref_image_refiner{N}|{DOT}ref_image_patch_embedder"),
    ("Z-Image or Lumina", rf"{DOT}(noise_refiner|context_refiner|layers){N}attention[._]"),
    ("Z-Image or Lumina", rf"{DOT}(noise_refiner|context_refiner|layers){N}feed_forward[._]w[123]"),
    ("OmniGen2, Z-Image or Lumina", rf"{DOT}layers{N}(attn[._]to_[qkvo]|feed_forward[._])"),
    ("a language model", rf"{DOT}layers{N}(self_attn[._][qkvo]_proj|mlp[._](gate|up|down)_proj)"),
    ("a model with the text encoder T5", r"^(lora_te3_|text_encoder_3\.|text_encoders\.t5xxl\.)"),
)
NAMED = {  # in ss_base_model_version or modelspec.architecture
    "flux": "Flux",
    "sd3": "Stable Diffusion 3",
    "stable-diffusion-3": "Stable Diffusion 3",
    "stable-video-diffusion": "Stable Video Diffusion",
    "hunyuan": "Hunyuan",
    "wan": "Wan",
    "qwen": "Qwen-Image",
    "lumina": "Lumina",
    "omnigen": "OmniGen2",
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
OURS = re.compile(r"(down|up|mid|input|output|middle)_blocks?[._]")  # Stable Diffusion's UNet
DEEPEST = {"double": 18, "single": 37}  # the last of Flux' blocks; Hunyuan's go on to 19 and 39


def other_model(shapes: Shapes, metadata: Mapping[str, str]) -> str | None:
    """The model other than Stable Diffusion that the metadata or the keys name, if any."""
    named = model_named(metadata) or decisive(shapes)
    if named:
        return named
    theirs = {key: shape for key, shape in shapes.items() if not OURS.search(key)}
    for model, pattern in MODELS:
        if found_in(pattern, theirs):
            return _family(model, theirs)
    return None


def decisive(keys: Iterable[str]) -> str | None:
    """The model that one key proves, whatever the others are."""
    return next((model for model, pattern in DECISIVE if found_in(pattern, keys)), None)


def model_named(metadata: Mapping[str, str]) -> str | None:
    """The model other than Stable Diffusion 1, 2 and XL that the metadata names, if any."""
    said = (metadata.get("ss_base_model_version", ""), metadata.get("modelspec.architecture", ""))
    for text in said:
        for beginning, model in NAMED.items():
            if text.lower().startswith(beginning):
                return model
    return None


def found_in(pattern: str | re.Pattern[str], keys: Iterable[str]) -> bool:
    """Does it fit a place in any of the keys?"""
    search = re.compile(pattern).search
    return any(search(key) for key in keys)


def _family(model: str, shapes: Shapes) -> str:
    """Tells models from each other whose names of layers are the same."""
    widths = {size for shape in shapes.values() for size in shape}
    if model == "Flux":
        double = max(_numbers("(?:double_blocks|(?<!single_)transformer_blocks)", shapes))
        single = max(_numbers("(?:single_blocks|single_transformer_blocks)", shapes))
        deep = double > DEEPEST["double"] or single > DEEPEST["single"]
        return "HunyuanVideo or FramePack" if deep else model
    if model == "HunyuanImage":
        return model if not widths & {3072} else "HunyuanVideo"
    if not model.startswith("a transformer"):
        return model
    if widths & {1536, 2432}:
        return "Stable Diffusion 3"
    deep = max(_numbers("transformer_blocks", shapes)) >= 38
    return "Qwen-Image" if deep or 3072 in widths else model


def _numbers(blocks: str, keys: Iterable[str]) -> Iterator[int]:
    """The numbers of blocks of this name; −1 where there is none."""
    search = re.compile(rf"{DOT}{blocks}[._](\d+)").search
    yield -1
    yield from (int(match[1]) for key in keys if (match := search(key)))
