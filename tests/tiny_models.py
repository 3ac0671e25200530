"""Small random models in the real layouts, and LoRA files for them made by the peers' own code."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tiny_pipeline
import torch
from diffusers import (
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from diffusers.utils import convert_state_dict_to_kohya
from live_lora.app import configs
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
EVERYTHING = [*ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2"]
TEXT = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


def steady(pipeline: Any) -> Any:
    """With a scheduler that does not clip: on a random UNet clipping is chaotic."""
    pipeline.scheduler = DDIMScheduler(clip_sample=False, steps_offset=1)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def sd15(seed: int = 0) -> StableDiffusionPipeline:
    """SD 1.x's layout at 32 to 64 channels."""
    return steady(tiny_pipeline.pipeline(seed))


def sdxl(seed: int = 0) -> StableDiffusionXLPipeline:
    """SDXL's layout: two text encoders, two and ten transformer blocks deep (here one and two)."""
    made = configs.read("sdxl")
    unet = made["unet"] | {
        "sample_size": 16,
        "block_out_channels": [32, 64, 64],
        "cross_attention_dim": 64,
        "attention_head_dim": [2, 4, 4],
        "transformer_layers_per_block": [1, 1, 2],
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + 32,
    }
    texts = [_text_config(made[name]) for name in ("text_encoder", "text_encoder_2")]
    first = tiny_pipeline.pipeline(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        with configs.folder(made) as folder:
            second = CLIPTokenizer.from_pretrained(folder / "tokenizer_2")
        return steady(
            StableDiffusionXLPipeline(
                unet=UNet2DConditionModel.from_config(unet),
                vae=first.vae,
                text_encoder=type(first.text_encoder)(texts[0]).eval(),
                text_encoder_2=CLIPTextModelWithProjection(texts[1]).eval(),
                tokenizer=first.tokenizer,
                tokenizer_2=second,
                scheduler=first.scheduler,
                force_zeros_for_empty_prompt=True,
            )
        )


def _text_config(full: Mapping[str, Any]) -> CLIPTextConfig:
    return CLIPTextConfig(**(full | tiny_pipeline.SMALLER["text_encoder"]))


def random_lora(
    model: nn.Module, targets: list[str], *, rank: int = 4, alpha: float = 2.0, seed: int = 0
) -> dict[str, torch.Tensor]:
    """PEFT's own state dict of a random LoRA on `model`, which is left without it."""
    model = copy.deepcopy(model)
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, init_lora_weights=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.add_adapter(config)
        state = get_peft_model_state_dict(model)
        return {key: 0.05 * torch.randn_like(value) for key, value in state.items()}


def save_kohya(path: Path, parts: Mapping[str, Mapping[str, torch.Tensor]], alpha: float) -> None:
    """A file as sd-scripts writes it, by diffusers' converter; `parts` by component."""
    flat = {f"{part}.{key}": value for part, state in parts.items() for key, value in state.items()}
    state = convert_state_dict_to_kohya(flat)
    for key in [key for key in state if key.endswith(".alpha")]:
        state[key] = torch.tensor(alpha)
    save_file({key: value.contiguous() for key, value in state.items()}, path)
