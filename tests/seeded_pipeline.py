"""The checkpoints of seeded_checkpoint.py as diffusers pipelines, by the app's own way in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import seeded_checkpoint as seeded
import torch
from diffusers import EulerDiscreteScheduler
from live_lora.app import configs, load_model
from safetensors.torch import save_file

VAE = {"block_out_channels": [32] * 4, "layers_per_block": 1, "sample_size": 256}
UNET = {"block_out_channels": [32, 64, 128, 128], "attention_head_dim": 4, "sample_size": 8}
SMALL_CLIP = {
    "hidden_size": 256,
    "intermediate_size": 1024,
    "num_attention_heads": 4,
    "projection_dim": 256,
}
CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "sd1": {"unet": UNET | {"cross_attention_dim": 768}, "vae": VAE},
    "sd2": {
        "unet": UNET | {"cross_attention_dim": 256},
        "vae": VAE,
        "text_encoder": SMALL_CLIP | {"num_hidden_layers": 9},
    },
    "sdxl": {
        "unet": {
            "block_out_channels": [32, 64, 128],
            "attention_head_dim": 4,
            "sample_size": 8,
            "cross_attention_dim": 1024,
            "transformer_layers_per_block": [1, 1, 2],
            "addition_time_embed_dim": 32,
            "projection_class_embeddings_input_dim": 448,
        },
        "vae": VAE,
        "text_encoder_2": SMALL_CLIP | {"num_hidden_layers": 10},
    },
}
NAMES = {"sd1": "sd15", "sd2": "sd21", "sdxl": "sdxl"}


def pipeline(family: str, folder: Path) -> Any:
    """In fp32, with a scheduler whose sigmas are the webui's for Euler."""
    path = folder / f"{family}.safetensors"
    save_file(seeded.tensors(seeded.shapes(family)), path)
    config = configs.read(NAMES[family])
    for component, values in CHANGES[family].items():
        config[component] |= values
    pipe = load_model.from_single_file(path, config, torch.float32)
    path.unlink()
    pipe.scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe
