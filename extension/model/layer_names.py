"""The names of a model's layers: every spelling in, one canonical key out. No torch, no files.

The canonical key is the diffusers path with dots as underscores, and for text encoders without
`text_model`. The LDM layout of all Stable Diffusion models has two layers per block, which is why
`input_blocks_8_1` needs no architecture to be `down_blocks_2_attentions_1`. The rules are those of
diffusers' `convert_ldm_unet_checkpoint`; they are bijective on SD 1, SD 2, SDXL and its refiner.
"""

from __future__ import annotations

import re
from functools import lru_cache

_NUMBER = "([0-9]{1,2})"
_WRAPPER = "base_model|model|module|_orig_mod"  # PEFT, PEFT, DistributedDataParallel, compile
_UNET_ROOT = re.compile(rf"(?:(?:{_WRAPPER}|unet|diffusion_model)_)*")
_TEXT_ROOT = re.compile(
    rf"(?:(?:{_WRAPPER}|cond_stage_model|conditioner|embedders_[01]|[01]|wrapped"
    r"|text_encoders?|text_encoder_2|clip_[lgh]|transformer|text_model)_)*"
)

_ENDS = {  # LDM: diffusers
    "input_blocks_0_0": "conv_in",
    "out_0": "conv_norm_out",
    "out_2": "conv_out",
    "time_embed_0": "time_embedding_linear_1",
    "time_embed_2": "time_embedding_linear_2",
    "label_emb_0_0": "add_embedding_linear_1",
    "label_emb_0_2": "add_embedding_linear_2",
    "class_embedding_linear_1": "add_embedding_linear_1",  # SD 2.1 unCLIP in diffusers
    "class_embedding_linear_2": "add_embedding_linear_2",
}
_ENDS |= {name: name for name in _ENDS.values()}

RESNET_LAYERS = {  # LDM: diffusers
    "in_layers_0": "norm1",
    "in_layers_2": "conv1",
    "emb_layers_1": "time_emb_proj",
    "out_layers_0": "norm2",
    "out_layers_3": "conv2",
    "skip_connection": "conv_shortcut",
}
_RESNET = RESNET_LAYERS | {name: name for name in RESNET_LAYERS.values()}

_TRANSFORMER = re.compile(
    r"norm|proj_in|proj_out|transformer_blocks_[0-9]{1,2}_"
    r"(?:attn[12]_to_(?:q|k|v|out_0)|ff_net_(?:0_proj|2)|norm[123])"
)
_DIFFUSERS = re.compile(
    rf"((?:down|up)_blocks_{_NUMBER}|mid_block)_(resnets|attentions)_{_NUMBER}_(.+)"
)
_RESAMPLE = re.compile(r"down_blocks_[0-9]_downsamplers_0_conv|up_blocks_[0-9]_upsamplers_0_conv")
_LDM = re.compile(rf"(input|output)_blocks_{_NUMBER}_([012])_(.+)|middle_block_([012])_(.+)")

_TEXT_LAYER = re.compile(rf"(?:encoder_layers|resblocks)_{_NUMBER}_(.+)")
_TEXT_LEAF = {  # open_clip: transformers
    "attn_q_proj": "self_attn_q_proj",
    "attn_k_proj": "self_attn_k_proj",
    "attn_v_proj": "self_attn_v_proj",
    "attn_out_proj": "self_attn_out_proj",
    "attn_in_proj": "self_attn_in_proj",  # q, k and v in one, which only files have
    "attn_in_proj_weight": "self_attn_in_proj",
    "mlp_c_fc": "mlp_fc1",
    "mlp_c_proj": "mlp_fc2",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
}
_TEXT_LEAF |= {name: name for name in _TEXT_LEAF.values()}
_TEXT_ENDS = {
    "ln_final": "final_layer_norm",
    "token_embedding": "embeddings_token_embedding",
    "positional_embedding": "embeddings_position_embedding",
    "text_projection": "text_projection",
}
_TEXT_ENDS |= {name: name for name in _TEXT_ENDS.values()}


@lru_cache(maxsize=16384)
def unet_key(path: str) -> str | None:
    """The canonical key of a UNet layer in diffusers' or LDM's layout; None if it is in neither.

    Dots and underscores are the same; roots such as `diffusion_model.` are dropped.
    """
    name = _UNET_ROOT.sub("", path.replace(".", "_"), count=1)
    if name in _ENDS:
        return _ENDS[name]
    if _RESAMPLE.fullmatch(name):
        return name
    if match := _DIFFUSERS.fullmatch(name):
        return _layer(match[1], match[3], match[4], match[5])
    if match := _LDM.fullmatch(name):
        return _middle(int(match[5]), match[6]) if match[5] else _block(match)
    return None


def _layer(block: str, kind: str, number: str, leaf: str) -> str | None:
    if kind == "resnets":
        known = _RESNET.get(leaf)
    else:
        known = leaf if _TRANSFORMER.fullmatch(leaf) else None
    return known and f"{block}_{kind}_{int(number)}_{known}"


def _middle(place: int, leaf: str) -> str | None:
    """`middle_block` is resnet, transformer, resnet."""
    if place == 1:
        return _layer("mid_block", "attentions", "0", leaf)
    return _layer("mid_block", "resnets", str(place // 2), leaf)


def _block(match: re.Match[str]) -> str | None:
    """Input blocks count from 1, three to a level, the third being the downsampler."""
    down = match[1] == "input"
    level, number = divmod(int(match[2]) - down, 3)
    place, leaf = match[3], match[4]
    if down and number == 2:
        resampled = place == "0" and leaf == "op"
        return f"down_blocks_{level}_downsamplers_0_conv" if resampled else None
    if not down and place != "0" and leaf == "conv":  # place 1 where the level has no transformer
        return f"up_blocks_{level}_upsamplers_0_conv" if number == 2 else None
    if place == "2" or level < 0:
        return None
    kind = "attentions" if place == "1" else "resnets"
    return _layer(f"{'down' if down else 'up'}_blocks_{level}", kind, str(number), leaf)


@lru_cache(maxsize=16384)
def text_key(path: str) -> str | None:
    """The canonical key of a layer of CLIP's text encoder; None if it is none.

    transformers 4 (`text_model.encoder.layers.0.self_attn.q_proj`), transformers 5 (without
    `text_model`) and open_clip (`transformer.resblocks.0.attn.q_proj`, `mlp.c_fc`).
    """
    name = _TEXT_ROOT.sub("", path.replace(".", "_"), count=1)
    if name in _TEXT_ENDS:
        return _TEXT_ENDS[name]
    match = _TEXT_LAYER.fullmatch(name)
    leaf = _TEXT_LEAF.get(match[2]) if match else None
    return f"encoder_layers_{int(match[1])}_{leaf}" if match and leaf else None


def layer_key(component: str, path: str) -> str | None:
    """The canonical key of a layer of this component; None where it is none known here."""
    return unet_key(path) if component == "unet" else text_key(path)
