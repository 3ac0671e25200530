"""The stages from nothing to the model's folder; each leaves a file in `work`, and resumes."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from . import autoencoder, diffusion, text, vocabulary
from .blocks import Blocks, as_pixels
from .loop import Plan, device, fit
from .pictures import pictures

PICTURES = 40_000


def train_text(work: Path, plan: Plan = text.PLAN) -> None:
    if not (work / "tokenizer").exists():
        text.learn_vocabulary(work / "tokenizer")
    fit(partial(text.TextTask, folder=work / "tokenizer"), plan, work / "text.pt")


def blocks(work: Path) -> Blocks:
    path = work / "blocks.pt"
    if not path.exists():
        torch.save(Blocks.of(pictures(work / "pictures", 1000)).state(), path)
    return Blocks(**torch.load(path, weights_only=True))


def encode_pictures(work: Path, count: int = PICTURES) -> None:
    """`latents.pt`: (count, 4, 16, 16) in half precision."""
    path = work / "latents.pt"
    if not path.exists():
        drawn, encode = pictures(work / "pictures", count), blocks(work)
        parts = [encode(as_pixels(drawn[i : i + 500])).half() for i in range(0, count, 500)]
        torch.save(torch.cat(parts), path)


def train_autoencoder(work: Path, plan: Plan = autoencoder.PLAN, count: int = 6000) -> None:
    pictures(work / "pictures", count)
    pictures(work / "pictures", count // 2, looks=True)
    make = partial(
        autoencoder.AutoencoderTask, folder=work / "pictures", blocks=blocks(work), count=count
    )
    fit(make, plan, work / "autoencoder.pt")


def train_diffusion(work: Path, first: Plan = diffusion.FIRST, plan: Plan = diffusion.PLAN) -> None:
    tokenizer, encoder = vocabulary.load(work / "tokenizer"), load_text_encoder(work)
    make = partial(
        diffusion.DiffusionTask, latents=work / "latents.pt", tokenizer=tokenizer, encoder=encoder
    )
    weights = fit(make, first, work / "diffusion-first.pt")
    fit(partial(make, first=weights), plan, work / "diffusion.pt")


def average(path: Path) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = torch.load(path, weights_only=True, map_location="cpu")["average"]
    return weights


def load_autoencoder(work: Path) -> AutoencoderKL:
    model = autoencoder.build()
    model.load_state_dict(average(work / "autoencoder.pt"))
    return model.to(device()).eval()


def load_text_encoder(work: Path) -> CLIPTextModel:
    reader = text.Reader(len(vocabulary.load(work / "tokenizer")))
    reader.load_state_dict(average(work / "text.pt"))
    return reader.encoder.eval()


def load_unet(work: Path) -> UNet2DConditionModel:
    model = diffusion.build()
    model.load_state_dict(average(work / "diffusion.pt"))
    return model.eval()


def assemble(work: Path) -> StableDiffusionPipeline:
    """The trained parts as one pipeline, in float32."""
    parts = load_autoencoder(work)
    parts.register_to_config(scaling_factor=1.0)
    return StableDiffusionPipeline(
        vae=parts,
        text_encoder=load_text_encoder(work),
        tokenizer=vocabulary.load(work / "tokenizer"),
        unet=load_unet(work),
        scheduler=diffusion.scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).to(device())


def save(pipeline: StableDiffusionPipeline, folder: Path, tokenizer: Path) -> None:
    """A diffusers folder in half precision; `pipeline` itself is left in float32."""
    pipeline.to(torch.float16).save_pretrained(folder, safe_serialization=True)
    # transformers would load it in fp16 beside a UNet that diffusers loads in fp32.
    config = folder / "text_encoder" / "config.json"
    config.write_text(config.read_text().replace('"dtype": "float16"', '"dtype": "float32"'))
    pipeline.to(torch.float32)
    for name in vocabulary.FILES:  # transformers 5 writes a file of its own alone
        shutil.copyfile(tokenizer / name, folder / "tokenizer" / name)
