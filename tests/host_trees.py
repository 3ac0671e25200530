"""Full-size models on the meta device, in the module trees of their hosts, from tests/data."""

from __future__ import annotations

import gzip
import json
from collections import OrderedDict
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from live_lora.engine.layers import find_sites
from live_lora.model.layer_names import layer_key
from live_lora.records import Component, Target
from torch import nn

KEYLISTS = Path(__file__).parent / "data" / "keylists"
Targets = dict[tuple[str, str], Target]


@cache
def read(name: str) -> Any:
    """One of the gzipped JSON files."""
    return json.loads(gzip.decompress((KEYLISTS / f"{name}.json.gz").read_bytes()))


def layer(facts: dict[str, Any]) -> nn.Module:
    """The layer that one line of a host list describes."""
    shape, bias = facts["weight"], "bias" in facts
    kind = facts["type"]
    if kind == "Linear":
        return nn.Linear(shape[1], shape[0], bias=bias)
    if kind == "Conv2d":
        return nn.Conv2d(shape[1], shape[0], shape[2], facts["stride"], facts["padding"])
    if kind.startswith("GroupNorm"):
        return nn.GroupNorm(32, shape[0])
    return nn.LayerNorm(shape[0]) if kind == "LayerNorm" else nn.Embedding(*shape)


def tree(layers: dict[str, dict[str, Any]]) -> nn.Module:
    """Modules inside each other as the dotted paths say."""
    root = nn.Module()
    for path, facts in layers.items():
        *parents, name = path.split(".")
        place = root
        for parent in parents:
            if parent not in place._modules:
                place.add_module(parent, nn.Module())
            place = place._modules[parent]  # type: ignore[assignment]
        place.add_module(name, layer(facts))
    return root


class Block(nn.Module):
    """open_clip's residual attention block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, width // 64)
        self.ln_2 = nn.LayerNorm(width)
        mlp = {
            "c_fc": nn.Linear(width, 4 * width),
            "gelu": nn.GELU(),
            "c_proj": nn.Linear(4 * width, width),
        }
        self.mlp = nn.Sequential(OrderedDict(mlp))


def open_clip(width: int, depth: int) -> nn.Module:
    """open_clip's text transformer as SD 2's and SDXL's checkpoints hold it (`model.…`)."""
    model = nn.Module()
    model.transformer = nn.Module()
    model.transformer.resblocks = nn.ModuleList([Block(width) for _ in range(depth)])
    model.token_embedding = nn.Embedding(49408, width)
    model.ln_final = nn.LayerNorm(width)
    model.text_projection = nn.Parameter(torch.empty(width, width))
    root = nn.Module()
    root.model = model
    return root


def text(version: str, number: int) -> nn.Module:
    """CLIP-L (1) or OpenCLIP bigG (2) as transformers 4 or 5 (`tf4`, `tf5`) builds them."""
    layers = read(f"host/clip_te_transformers_{version}")
    mine = {path[4:]: facts for path, facts in layers.items() if path.startswith(f"te{number}.")}
    return tree(mine)


def diffusers_unet(model: str) -> nn.Module:
    """The UNet in diffusers' tree."""
    return tree(read(f"maps/{model}_unet_diffusers_to_host"))


def ldm_unet(model: str) -> nn.Module:
    """The UNet in the tree of LDM or sgm."""
    return tree(read(f"host/{model}"))


def ldm_clip(number: int = 1) -> nn.Module:
    """CLIP-L inside LDM's embedder."""
    root = nn.Module()
    root.transformer = text("tf4", number)
    return root


@cache
def host(name: str) -> Targets:
    """The targets of a whole model, named as a session names them."""
    with torch.device("meta"), ExitStack() as stack:
        for kind in (nn.Linear, nn.Conv2d, nn.Embedding):  # nothing to initialise, and slow at it
            stack.enter_context(patch.object(kind, "reset_parameters", lambda _: None))
        components: dict[Component, nn.Module] = HOSTS[name]()
    targets: Targets = {}
    for component, model in components.items():
        for site in find_sites(model):
            key = layer_key(component, site.path)
            assert key is not None, site.path
            assert (component, key) not in targets, site.path
            shape = site.shape
            targets[component, key] = Target(component, key, site.path, site.kind, shape)
    return targets


HOSTS: dict[str, Any] = {
    "sd15 diffusers": lambda: {
        "unet": diffusers_unet("sd15"),
        "text_encoder": text("tf4", 1),
    },
    "sd15 diffusers, transformers 5": lambda: {
        "unet": diffusers_unet("sd15"),
        "text_encoder": text("tf5", 1),
    },
    "sd15 ldm": lambda: {"unet": ldm_unet("sd15_unet_ldm"), "text_encoder": ldm_clip()},
    "sd15 inpainting ldm": lambda: {
        "unet": ldm_unet("sd15_inpaint_unet_ldm"),
        "text_encoder": ldm_clip(),
    },
    "sd21 diffusers": lambda: {
        "unet": diffusers_unet("sd21"),
        "text_encoder": open_clip(1024, 23),
    },
    "sd21 ldm": lambda: {"unet": ldm_unet("sd21_unet_ldm"), "text_encoder": open_clip(1024, 24)},
    "sdxl diffusers": lambda: {
        "unet": diffusers_unet("sdxl"),
        "text_encoder": text("tf4", 1),
        "text_encoder_2": text("tf4", 2),
    },
    "sdxl diffusers, transformers 5": lambda: {
        "unet": diffusers_unet("sdxl"),
        "text_encoder": text("tf5", 1),
        "text_encoder_2": text("tf5", 2),
    },
    "sdxl sgm": lambda: {
        "unet": ldm_unet("sdxl_base_unet_sgm"),
        "text_encoder": ldm_clip(),
        "text_encoder_2": open_clip(1280, 32),
    },
    "refiner diffusers": lambda: {
        "unet": diffusers_unet("sdxl_refiner"),
        "text_encoder_2": text("tf4", 2),
    },
    "refiner sgm": lambda: {
        "unet": ldm_unet("sdxl_refiner_unet_sgm"),
        "text_encoder_2": open_clip(1280, 32),
    },
}
