"""Makes extension/model/targets: every layer of each base model, in diffusers' and in LDM's names.

    python tools/make_targets.py

Builds the models from their configurations on the meta device; nothing is downloaded. Needs
diffusers and transformers, which the package itself does not.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

FOLDER = Path(__file__).resolve().parent.parent / "extension" / "model" / "targets"
Row = tuple[str | None, str | None, str, list[int]]  # diffusers, LDM, kind, shape

CROSS_DOWN, PLAIN_DOWN = "CrossAttnDownBlock2D", "DownBlock2D"
CROSS_UP, PLAIN_UP = "CrossAttnUpBlock2D", "UpBlock2D"
SD1: dict[str, Any] = {"cross_attention_dim": 768, "attention_head_dim": 8}
SD2: dict[str, Any] = {
    "cross_attention_dim": 1024,
    "attention_head_dim": [5, 10, 20, 20],
    "use_linear_projection": True,
}
SDXL: dict[str, Any] = {
    "block_out_channels": [320, 640, 1280],
    "down_block_types": [PLAIN_DOWN, CROSS_DOWN, CROSS_DOWN],
    "up_block_types": [CROSS_UP, CROSS_UP, PLAIN_UP],
    "transformer_layers_per_block": [1, 2, 10],
    "attention_head_dim": [5, 10, 20],
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
REFINER = SDXL | {
    "block_out_channels": [384, 768, 1536, 1536],
    "down_block_types": [PLAIN_DOWN, CROSS_DOWN, CROSS_DOWN, PLAIN_DOWN],
    "up_block_types": [PLAIN_UP, CROSS_UP, CROSS_UP, PLAIN_UP],
    "transformer_layers_per_block": 4,
    "attention_head_dim": [6, 12, 24, 24],
    "cross_attention_dim": 1280,
    "projection_class_embeddings_input_dim": 2560,
}
CLIP_L = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "heads": 12}
CLIP_H = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "heads": 16}
CLIP_G = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "heads": 20}

# Base: UNet, {component: (text encoder, how LDM names it, layers that diffusers' has)}.
L_ALONE = {"text_encoder": (CLIP_L, "cond_stage_model.transformer.text_model.", 12)}
H_ALONE = {"text_encoder": (CLIP_H, "cond_stage_model.model.transformer.resblocks.", 23)}
L_AND_G = {
    "text_encoder": (CLIP_L, "conditioner.embedders.0.transformer.text_model.", 12),
    "text_encoder_2": (CLIP_G, "conditioner.embedders.1.model.transformer.resblocks.", 32),
}
G_ALONE = {
    "text_encoder_2": (CLIP_G, "conditioner.embedders.0.model.transformer.resblocks.", 32),
}
BASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sd15": (SD1, L_ALONE),
    "sd15-inpaint": (SD1 | {"in_channels": 9}, L_ALONE),
    "sd15-pix2pix": (SD1 | {"in_channels": 8}, L_ALONE),
    "sd21": (SD2, H_ALONE),
    "sd21-inpaint": (SD2 | {"in_channels": 9}, H_ALONE),
    "sdxl": (SDXL, L_AND_G),
    "sdxl-inpaint": (SDXL | {"in_channels": 9}, L_AND_G),
    "sdxl-refiner": (REFINER, G_ALONE),
}

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
ENDS = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
OPEN_CLIP = {
    "self_attn": "attn",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
}


def main() -> None:
    """Writes one file per base."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for base in BASES:
        text = json.dumps(targets(base), separators=(",", ":"))
        packed = gzip.compress(text.encode(), mtime=0)
        (FOLDER / f"{base}.json.gz").write_bytes(packed)
        print(f"{base}: {len(packed):,} bytes")


def targets(base: str) -> dict[str, list[Row]]:
    """The base's components with all their layers."""
    unet, encoders = BASES[base]
    found = {"unet": list(unet_rows(unet))}
    for component, (config, ldm, layers) in encoders.items():
        found[component] = list(text_rows(config, ldm, layers))
    return found


def unet_rows(config: dict[str, Any]) -> Iterator[Row]:
    """Every layer of the UNet."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        model: nn.Module = UNet2DConditionModel(**config)
    attentive = {p.rpartition(".attentions.")[0] for p, _ in model.named_modules()}
    for path, module in model.named_modules():
        if kind := kind_of(module):
            ldm = f"diffusion_model.{ldm_path(path, attentive)}"
            yield row(path, ldm, kind, module)


def text_rows(config: dict[str, Any], ldm: str, layers: int) -> Iterator[Row]:
    """Every layer of the text encoder; those that only one of the two layouts has, too."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    given = {k: v for k, v in config.items() if k != "heads"}
    width = config["hidden_size"]
    settings = CLIPTextConfig(
        num_attention_heads=config["heads"], projection_dim=width, vocab_size=9, **given
    )
    with torch.device("meta"):
        model = CLIPTextModelWithProjection(settings)
    for path, module in model.named_modules():
        if kind := kind_of(module):
            number = re.search(r"layers\.(\d+)", path)
            known = number is None or int(number[1]) < layers
            here = path if known and (path != "text_projection" or width == 1280) else None
            there = text_ldm_path(path, ldm)
            if here or there:
                yield row(here, there, kind, module)


def kind_of(module: nn.Module) -> str | None:
    """As the engine sees it."""
    if isinstance(module, nn.Linear):
        return "linear"
    if isinstance(module, nn.Conv2d):
        return "conv"
    return "norm" if isinstance(module, (nn.GroupNorm, nn.LayerNorm)) else None


def row(path: str | None, ldm: str | None, kind: str, module: nn.Module) -> Row:
    """One layer."""
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    return path, ldm, kind, list(weight.shape)


def ldm_path(path: str, attentive: set[str]) -> str:
    """diffusers' path of a UNet layer in LDM's words."""
    if path in ENDS:
        return ENDS[path]
    side, block, rest = re.fullmatch(r"(down|mid|up)_block(?:s\.(\d))?\.(.+)", path).groups()  # type: ignore[union-attr]
    kind, number, leaf = rest.split(".", 2)
    level = int(block or 0)
    leaf = RESNET.get(leaf, leaf) if kind == "resnets" else leaf
    place = int(kind == "attentions")
    if side == "mid":
        return f"middle_block.{1 if place else 2 * int(number)}.{leaf}"
    if kind == "downsamplers":
        return f"input_blocks.{3 + 3 * level}.0.op"
    if kind == "upsamplers":
        return f"output_blocks.{2 + 3 * level}.{1 + (f'up_blocks.{block}' in attentive)}.conv"
    base = "input_blocks" if side == "down" else "output_blocks"
    return f"{base}.{3 * level + int(number) + (side == 'down')}.{place}.{leaf}"


def text_ldm_path(path: str, ldm: str) -> str | None:
    """The path of a text encoder's layer in a checkpoint's own module tree."""
    path = path.removeprefix("text_model.")
    if ldm.endswith("text_model."):
        return None if path == "text_projection" else ldm + path
    root = ldm.removesuffix("transformer.resblocks.")
    if path == "final_layer_norm":
        return f"{root}ln_final"
    if path == "text_projection":
        return f"{root}text_projection"
    number, leaf = path.removeprefix("encoder.layers.").split(".", 1)
    for theirs, ours in OPEN_CLIP.items():
        leaf = leaf.replace(theirs, ours)
    return f"{ldm}{number}.{leaf}"


if __name__ == "__main__":
    main()
