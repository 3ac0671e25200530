"""Training a LoRA on the frozen model, and writing what a user would find beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor
from torch.nn import functional as F

from .adapters import Adapter
from .blocks import Blocks, as_pixels
from .diffusion import Noise
from .drawing import render
from .loop import Plan, device, fit
from .loras import Example, Lora
from .text import tokenize

PLAN = Plan(steps=250, lr=3e-3, warmup=20, average=0.98, fall=0.5)
DROPPED = 0.1


class LoraTask:
    """Pictures as they should look at each of the LoRA's weights, and the model's own loss."""

    def __init__(
        self,
        worker: int,
        lora: Lora,
        base: Callable[[], StableDiffusionPipeline],
        blocks: Blocks,
        count: int = 1500,
        batch: int = 16,
    ) -> None:
        self.pipe = base().to(device())
        for part in (self.pipe.unet, self.pipe.text_encoder, self.pipe.vae):
            part.requires_grad_(False)
        torch.manual_seed(4)
        self.adapter: Adapter = lora.install(self.pipe)
        self.model = self.adapter.model
        self.batch, self.noise, self.random = batch, Noise.standard(), Random(worker)
        each = count // len(lora.weights)
        self.data = {weight: drawn(lora, weight, each, blocks) for weight in lora.weights}

    def loss(self) -> Tensor:
        weight = self.random.choice(list(self.data))
        self.adapter.scale(weight)
        latents, captions = self.data[weight]
        numbers = [self.random.randrange(len(captions)) for _ in range(self.batch)]
        x = latents[numbers].to(device())
        words = self.words([captions[number] for number in numbers])
        levels = self.noise.levels(len(x))
        noisy, velocity = self.noise.mix(x, torch.randn_like(x), levels)
        return F.mse_loss(self.pipe.unet(noisy, levels, words).sample, velocity)

    def words(self, captions: list[str]) -> Tensor:
        kept = ["" if self.random.random() < DROPPED else text for text in captions]
        hidden: Tensor = self.pipe.text_encoder(tokenize(self.pipe.tokenizer, kept))[0]
        return hidden


def drawn(lora: Lora, weight: float, count: int, blocks: Blocks) -> tuple[Tensor, list[str]]:
    """Latents (count, 4, 16, 16) and captions of the LoRA's examples at `weight`."""
    random = Random(f"{lora.name} {weight}")
    examples: list[Example] = [lora.draw(random, weight) for _ in range(count)]
    pixels = np.stack([np.asarray(render(example.scene, example.look)) for example in examples])
    return blocks(as_pixels(pixels)), [example.words for example in examples]


def tune(
    lora: Lora,
    base: Callable[[], StableDiffusionPipeline],
    blocks: Blocks,
    work: Path,
    plan: Plan = PLAN,
) -> Adapter:
    """The trained adapter, on a pipeline of its own."""
    make = partial(LoraTask, lora=lora, base=base, blocks=blocks)
    averaged = fit(make, replace(plan, steps=lora.steps), work / f"lora-{lora.name}.pt")
    task = LoraTask(0, lora, base, blocks, count=len(lora.weights))
    task.model.load_state_dict(averaged)
    return task.adapter


def publish(lora: Lora, adapter: Adapter, folder: Path, model: Path) -> None:
    """`name.safetensors` with kohya's metadata and `name.json`, as users find them."""
    folder.mkdir(parents=True, exist_ok=True)
    adapter.save(folder / f"{lora.name}.safetensors", metadata(lora, model))
    text = json.dumps(lora.sidecar(), indent=2) + "\n"
    (folder / f"{lora.name}.json").write_text(text, encoding="utf-8")


def metadata(lora: Lora, model: Path) -> dict[str, str]:
    unet = model / "unet" / "diffusion_pytorch_model.safetensors"
    return {
        "ss_output_name": lora.name,
        "ss_base_model_version": "sd_v1",
        "ss_sd_model_name": "live-lora small model",
        "ss_sd_model_hash": hashlib.sha256(unet.read_bytes()).hexdigest()[:10]
        if unet.exists()
        else "",
        "ss_resolution": "(64, 64)",
        "ss_num_train_images": "1500",
        "ss_max_train_steps": str(lora.steps),
        "ss_v_parameterization": "True",
        "ss_training_comment": lora.notes,
        "modelspec.architecture": "stable-diffusion-v1/lora",
        "modelspec.title": lora.name,
        "modelspec.trigger_phrase": lora.activation,
        **lora.facts,
    }
