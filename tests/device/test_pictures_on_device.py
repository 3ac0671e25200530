"""Whole pictures on the device in every dtype: a diffusers pipeline, and the app."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import live_lora
import numpy as np
import pytest
import tiny_models as tiny
import torch
from distances import distance
from live_lora.app import load_model
from live_lora.app.generator import Generator
from live_lora.app.request import GenerationRequest
from live_lora.hosts.attach import open_library
from live_lora.session.session import Options
from torch import Tensor

TAGS = "a fox <lora:fox:0.8> <lora:owl:0@0;0.5@1>"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pipe, folder = tiny.sd15(), tmp_path_factory.mktemp("Lora")
    for seed, name in enumerate(["fox", "owl"]):
        parts = {
            "unet": tiny.random_lora(pipe.unet, tiny.EVERYTHING, seed=seed),
            "text_encoder": tiny.random_lora(pipe.text_encoder, tiny.TEXT, seed=seed + 5),
        }
        tiny.save_kohya(folder / f"{name}.safetensors", parts, alpha=2.0)
    return folder


def latents(call: Any, prompt: Any, like: Any) -> Tensor:
    """Of two pictures, from the same noise whatever the device and dtype of `like`."""
    noise = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(7))
    sizes = {"num_inference_steps": 2, "height": 32, "width": 32, "output_type": "latent"}
    made = call(prompt=prompt, latents=noise.to(like.device, like.dtype), **sizes).images
    return made.cpu().double()


@pytest.mark.parametrize("executor", ["hooked", "folded"])
def test_a_pipeline(executor: Any, library: Path, device: torch.device, dtype: torch.dtype) -> None:
    """As far from 64 bits on the CPU as a picture without LoRAs is; that one stays as it was."""
    exact, pipe = tiny.sd15().to(torch.float64), tiny.sd15().to(device, dtype)
    prompts = [TAGS, "a fox <lora:owl:0.4>"]
    bare = latents(pipe, ["a fox"] * 2, pipe)
    far = distance(bare, latents(exact, ["a fox"] * 2, exact))
    with live_lora.attach(exact, library=library) as live:
        want = latents(live, prompts, exact)
    with live_lora.attach(pipe, library=library, executor=executor) as live:
        got = latents(live, prompts, pipe)
        assert live.report.ok
    assert distance(got, want) <= max(4 * far, 1e-4)
    assert distance(got, bare) > 2 * distance(got, want)
    assert torch.equal(latents(pipe, ["a fox"] * 2, pipe), bare)


def test_the_app(library: Path, tmp_path: Path, device: torch.device, dtype: torch.dtype) -> None:
    tiny.sd15().save_pretrained(tmp_path / "model")

    def drawn(device: str, dtype: torch.dtype, *prompts: str) -> list[Any]:
        model = load_model.load(tmp_path / "model", device=device, dtype=dtype)
        generator = Generator(model, open_library(library, Options()))
        request = GenerationRequest(prompts, steps=2, seed=7)
        return [np.asarray(image, int) for image in generator.draw(request).images]

    plain, tagged = drawn(device.type, dtype, "a fox", TAGS)
    base, want = drawn("cpu", torch.float32, "a fox", TAGS)
    assert np.abs(tagged - want).mean() <= max(1.0, 4 * np.abs(plain - base).mean())
    assert np.abs(tagged - plain).mean() > 2
