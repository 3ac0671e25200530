"""Runs in the webui's interpreter and folder: two small random checkpoints with their .yaml.

python make_checkpoints.py FOLDER
"""

import json
import math
import sys
from pathlib import Path

sys.path.insert(0, "repositories/stable-diffusion-stability-ai")

import torch
from ldm.modules.diffusionmodules.model import Decoder, Encoder
from ldm.modules.diffusionmodules.openaimodel import UNetModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

CLIP = "openai/clip-vit-large-patch14"
VAE = {
    "double_z": True, "z_channels": 4, "resolution": 256, "in_channels": 3, "out_ch": 3, "ch": 32,
    "ch_mult": [1, 1, 1, 1], "num_res_blocks": 1, "attn_resolutions": [], "dropout": 0.0,
}  # fmt: skip


def unet_settings(width: int) -> dict:
    return {
        "image_size": 32, "in_channels": 4, "out_channels": 4, "model_channels": 32,
        "attention_resolutions": [4, 2, 1], "num_res_blocks": 2, "channel_mult": [1, 2, 4, 4],
        "num_heads": 4, "use_spatial_transformer": True, "transformer_depth": 1,
        "context_dim": width, "use_checkpoint": False, "legacy": False,
    }  # fmt: skip


def config(unet: dict) -> dict:
    """What stands in the .yaml beside a checkpoint (JSON is YAML, too)."""
    params = {
        "linear_start": 0.00085, "linear_end": 0.0120, "num_timesteps_cond": 1, "timesteps": 1000,
        "first_stage_key": "jpg", "cond_stage_key": "txt", "image_size": 64, "channels": 4,
        "cond_stage_trainable": False, "conditioning_key": "crossattn", "scale_factor": 0.18215,
        "use_ema": False, "monitor": "val/loss",
        "unet_config": {
            "target": "ldm.modules.diffusionmodules.openaimodel.UNetModel", "params": unet,
        },
        "first_stage_config": {
            "target": "ldm.models.autoencoder.AutoencoderKL",
            "params": {
                "embed_dim": 4, "monitor": "val/rec_loss", "ddconfig": VAE,
                "lossconfig": {"target": "torch.nn.Identity"},
            },
        },
        "cond_stage_config": {"target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder"},
    }  # fmt: skip
    target = "ldm.models.diffusion.ddpm.LatentDiffusion"
    return {"model": {"base_learning_rate": 1e-4, "target": target, "params": params}}


def randomise(module: torch.nn.Module, seed: int) -> dict:
    """Weights that keep the size of what goes through.

    Biases are not 0: a text encoder whose output has mean 0 makes NaN of the webui's emphasis.
    """
    generator = torch.Generator().manual_seed(seed)
    out = {}
    for name, tensor in module.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        if not tensor.is_floating_point():
            noise = tensor.clone()
        elif name.endswith("bias"):
            noise *= 0.1
        elif tensor.ndim == 1:
            noise = 1 + 0.1 * noise
        else:
            noise *= 0.3 if "embedding" in name else 1 / math.sqrt(tensor[0].numel())
        out[name] = noise.to(tensor.dtype)
    return out


def first_stage() -> torch.nn.Module:
    module = torch.nn.Module()
    module.encoder, module.decoder = Encoder(**VAE), Decoder(**VAE)
    module.quant_conv, module.post_quant_conv = torch.nn.Conv2d(8, 8, 1), torch.nn.Conv2d(4, 4, 1)
    return module


def checkpoint(path: Path, seed: int) -> None:
    text = CLIPTextModel(CLIPTextConfig.from_pretrained(CLIP, local_files_only=True))
    unet = unet_settings(text.config.hidden_size)
    parts = {
        "model.diffusion_model.": randomise(UNetModel(**unet), seed),
        "first_stage_model.": randomise(first_stage(), 7),
        "cond_stage_model.transformer.": randomise(text, seed),
    }
    tensors = {prefix + key: value for prefix, part in parts.items() for key, value in part.items()}
    betas = torch.linspace(0.00085**0.5, 0.0120**0.5, 1000, dtype=torch.float64) ** 2
    tensors["betas"] = betas.float()
    tensors["alphas_cumprod"] = torch.cumprod(1 - betas, 0).float()
    save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    path.with_suffix(".yaml").write_text(json.dumps(config(unet)))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    for seed, name in enumerate(("small-a", "small-b")):
        checkpoint(folder / f"{name}.safetensors", seed)
