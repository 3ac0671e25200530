"""A random pipeline in the layout of Stable Diffusion 1.x, small enough to be made on the spot.

It draws nothing that one could recognise; every module has its real name and kind.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from live_lora.app import configs
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WIDTH = 32  # of the text embeddings
SMALLER: dict[str, dict[str, Any]] = {
    "unet": {
        "sample_size": 16,
        "block_out_channels": [32, 64, 96, 96],
        "cross_attention_dim": WIDTH,
        "attention_head_dim": 4,
    },
    "vae": {"sample_size": 128, "block_out_channels": [32, 64, 96, 96]},
    "text_encoder": {
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "projection_dim": WIDTH,
    },
}


def config() -> dict[str, Any]:
    """The configs of SD 1.5 with smaller numbers in them, by component."""
    full = configs.read("sd15")
    return full | {component: full[component] | values for component, values in SMALLER.items()}


def pipeline(seed: int = 0) -> StableDiffusionPipeline:
    """The same weights for the same seed; the caller's random state is left alone."""
    made = config()
    with torch.random.fork_rng(devices=[]), configs.folder(made) as folder:
        torch.manual_seed(seed)
        return StableDiffusionPipeline(
            unet=UNet2DConditionModel.from_config(made["unet"]),
            vae=AutoencoderKL.from_config(made["vae"]),
            text_encoder=CLIPTextModel(CLIPTextConfig(**made["text_encoder"])).eval(),
            tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
            scheduler=EulerDiscreteScheduler.from_config(made["scheduler"]),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
