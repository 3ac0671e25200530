"""Runs in the webui's interpreter and folder: small random checkpoints with their .yaml.

python make_checkpoints.py FOLDER
"""

import json
import math
import sys
from pathlib import Path

sys.path.insert(0, "repositories/stable-diffusion-stability-ai")
sys.path.insert(0, "repositories/generative-models")

import torch
from ldm.modules.diffusionmodules.model import Decoder, Encoder
from ldm.modules.diffusionmodules.openaimodel import UNetModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

CLIP = "openai/clip-vit-large-patch14"
OPEN_CLIP = "ViT-S-32-alt"  # the smallest that open_clip knows
VAE = {
    "double_z": True, "z_channels": 4, "resolution": 256, "in_channels": 3, "out_ch": 3, "ch": 32,
    "ch_mult": [1, 1, 1, 1], "num_res_blocks": 1, "attn_resolutions": [], "dropout": 0.0,
}  # fmt: skip


VAE_TARGETS = {
    "ldm": "ldm.models.autoencoder.AutoencoderKL",
    "sgm": "sgm.models.autoencoder.AutoencoderKLInferenceWrapper",
}
SIZES = 32  # channels of one number of SDXL's sizes


def unet_settings(width: int, **more) -> dict:
    return {
        "in_channels": 4, "out_channels": 4, "model_channels": 32,
        "attention_resolutions": [4, 2, 1], "num_res_blocks": 2, "channel_mult": [1, 2, 4, 4],
        "num_heads": 4, "use_spatial_transformer": True, "transformer_depth": 1,
        "context_dim": width, "use_checkpoint": False, "legacy": False, **more,
    }  # fmt: skip


def vae_config(package: str) -> dict:
    params = {
        "embed_dim": 4, "monitor": "val/rec_loss", "ddconfig": VAE,
        "lossconfig": {"target": "torch.nn.Identity"},
    }  # fmt: skip
    return {"target": VAE_TARGETS[package], "params": params}


def config(unet: dict, text: dict) -> dict:
    """What stands in the .yaml beside a checkpoint (JSON is YAML, too)."""
    params = {
        "linear_start": 0.00085, "linear_end": 0.0120, "num_timesteps_cond": 1, "timesteps": 1000,
        "first_stage_key": "jpg", "cond_stage_key": "txt", "image_size": 64, "channels": 4,
        "cond_stage_trainable": False, "conditioning_key": "crossattn", "scale_factor": 0.18215,
        "use_ema": False, "monitor": "val/loss",
        "unet_config": {
            "target": "ldm.modules.diffusionmodules.openaimodel.UNetModel", "params": unet,
        },
        "first_stage_config": vae_config("ldm"),
        "cond_stage_config": text,
    }  # fmt: skip
    target = "ldm.models.diffusion.ddpm.LatentDiffusion"
    return {"model": {"base_learning_rate": 1e-4, "target": target, "params": params}}


def xl_config(unet: dict) -> dict:
    """SDXL: two text encoders, and sizes beside them."""
    part, modules = "sgm.modules.diffusionmodules", "sgm.modules.encoders.modules"

    def embedder(key: str, name: str, **params) -> dict:
        target = f"{modules}.{name}"
        return {"is_trainable": False, "input_key": key, "target": target, "params": params}

    penultimate = {"freeze": True, "layer": "penultimate", "always_return_pooled": True}
    sizes = ("original_size_as_tuple", "crop_coords_top_left", "target_size_as_tuple")
    embedders = [
        embedder("txt", "FrozenCLIPEmbedder", layer="hidden", layer_idx=11),
        embedder("txt", "FrozenOpenCLIPEmbedder2", arch=OPEN_CLIP, legacy=False, **penultimate),
        *[embedder(key, "ConcatTimestepEmbedderND", outdim=SIZES) for key in sizes],
    ]
    denoiser = {
        "num_idx": 1000,
        "weighting_config": {"target": f"{part}.denoiser_weighting.EpsWeighting"},
        "scaling_config": {"target": f"{part}.denoiser_scaling.EpsScaling"},
        "discretization_config": {"target": f"{part}.discretizer.LegacyDDPMDiscretization"},
    }
    params = {
        "scale_factor": 0.13025,
        "disable_first_stage_autocast": True,
        "denoiser_config": {"target": f"{part}.denoiser.DiscreteDenoiser", "params": denoiser},
        "network_config": {"target": f"{part}.openaimodel.UNetModel", "params": unet},
        "conditioner_config": {
            "target": "sgm.modules.GeneralConditioner",
            "params": {"emb_models": embedders},
        },
        "first_stage_config": vae_config("sgm"),
    }
    return {"model": {"target": "sgm.models.diffusion.DiffusionEngine", "params": params}}


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
        elif tensor.ndim < 2:
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


def clip() -> torch.nn.Module:
    return CLIPTextModel(CLIPTextConfig.from_pretrained(CLIP, local_files_only=True))


def open_clip_text() -> torch.nn.Module:
    import open_clip

    model = open_clip.create_model(OPEN_CLIP, pretrained=None)
    del model.visual
    return model


def save(path: Path, described: dict, parts: dict, seed: int) -> None:
    """Random tensors of the modules under their prefixes, with the .yaml beside them."""
    parts = {"first_stage_model.": first_stage(), **parts}
    tensors = {
        prefix + key: value.contiguous()
        for prefix, module in parts.items()
        for key, value in randomise(module, 7 if "first" in prefix else seed).items()
    }
    betas = torch.linspace(0.00085**0.5, 0.0120**0.5, 1000, dtype=torch.float64) ** 2
    tensors["betas"] = betas.float()
    tensors["alphas_cumprod"] = torch.cumprod(1 - betas, 0).float()
    save_file(tensors, path)
    path.with_suffix(".yaml").write_text(json.dumps(described))


def sd1(path: Path, seed: int) -> None:
    text = clip()
    unet = unet_settings(text.config.hidden_size, image_size=32)
    encoder = {"target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder"}
    parts = {"model.diffusion_model.": UNetModel(**unet), "cond_stage_model.transformer.": text}
    save(path, config(unet, encoder), parts, seed)


def sd2(path: Path, seed: int) -> None:
    text = open_clip_text()
    width = text.ln_final.weight.numel()
    unet = unet_settings(width, image_size=32, use_linear_in_transformer=True)
    encoder = {
        "target": "ldm.modules.encoders.modules.FrozenOpenCLIPEmbedder",
        "params": {"arch": OPEN_CLIP, "freeze": True, "layer": "penultimate"},
    }
    parts = {"model.diffusion_model.": UNetModel(**unet), "cond_stage_model.model.": text}
    save(path, config(unet, encoder), parts, seed)


def sdxl(path: Path, seed: int) -> None:
    from sgm.modules.diffusionmodules.openaimodel import UNetModel as XlUNetModel

    first, second = clip(), open_clip_text()
    width = second.ln_final.weight.numel()
    unet = unet_settings(
        first.config.hidden_size + width,
        adm_in_channels=width + 6 * SIZES,
        num_classes="sequential",
        use_linear_in_transformer=True,
    )
    unet |= {"attention_resolutions": [4, 2], "channel_mult": [1, 2, 4]}
    unet |= {"transformer_depth": [1, 1, 2]}
    parts = {
        "model.diffusion_model.": XlUNetModel(**unet),
        "conditioner.embedders.0.transformer.": first,
        "conditioner.embedders.1.model.": second,
    }
    save(path, xl_config(unet), parts, seed)


def copy_as_ckpt(source: Path, target: Path) -> None:
    """The same weights under the configuration of another file: `X.ckpt` shares `X.yaml`.

    The webui takes two checkpoints for one kind if their configurations are the same *file*, and
    only then puts the weights into the modules that it has. Its unpickler knows torch's old
    format alone.
    """
    tensors = load_file(source)
    torch.save({"state_dict": tensors}, target, _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    sd1(folder / "small-a.safetensors", 0)
    sd1(folder / "small-b.safetensors", 1)
    copy_as_ckpt(folder / "small-b.safetensors", folder / "small-a.ckpt")
    sd2(folder / "small-2.safetensors", 2)
    sdxl(folder / "small-xl.safetensors", 3)
