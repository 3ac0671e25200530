"""Image to image, inpainting and hires fix on a tiny pipeline."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import tiny_pipeline
import torch
from live_lora.app.generator import Generator
from live_lora.app.latents import UPSCALERS
from live_lora.app.load_model import Checkpoint
from live_lora.app.request import GenerationRequest, HiresFix, StartingPicture
from live_lora.hosts import open_library
from live_lora.session.session import Options
from PIL import Image


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    catalog = open_library(tmp_path_factory.mktemp("none"), Options())
    return Generator(Checkpoint(tiny_pipeline.pipeline(), "tiny"), catalog)


def request(**more: Any) -> GenerationRequest:
    usual: dict[str, Any] = {"steps": 4, "seed": 1, "width": 64, "height": 64, "guidance": 3.0}
    return GenerationRequest(("a fox", "an owl"), **usual | more)


def noise(seed: int) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    return Image.fromarray(values)


def test_only_the_white_of_a_mask_is_drawn(generator: Generator) -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    result = generator.draw(request(start=StartingPicture(noise(1), mask, 0.9, blur=0)))
    for image in result.images:
        assert np.array_equal(np.asarray(image)[:, 32:], np.asarray(noise(1))[:, 32:])
        assert not np.array_equal(np.asarray(image)[:, :32], np.asarray(noise(1))[:, :32])


def test_a_picture_to_begin_with(generator: Generator) -> None:
    """As many steps as the webui runs of 4 at a strength of 0.6: ⌊2.4⌋ + 1."""
    seen: list[tuple[int, int]] = []
    start = StartingPicture(noise(1).resize((40, 80)), None, 0.6)
    result = generator.draw(request(start=start), lambda one: seen.append((one.step, one.steps)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert result.images[0].size == (64, 64)
    assert "Denoising strength: 0.6" in result.images[0].info["parameters"]
    other = generator.draw(request(start=StartingPicture(noise(2), None, 0.6)))
    assert result.images[0].tobytes() != other.images[0].tobytes()


@pytest.mark.parametrize("upscaler", UPSCALERS)
def test_hires(generator: Generator, upscaler: str) -> None:
    seen: list[tuple[int, int]] = []
    hires = HiresFix(1.5, 0.5, 3, upscaler)
    result = generator.draw(request(hires=hires), lambda one: seen.append((one.step, one.steps)))
    assert [image.size for image in result.images] == [(96, 96)] * 2
    assert seen == [(i, 4) for i in (1, 2, 3, 4)] + [(i, 3) for i in (1, 2, 3)]


def test_stopped_in_the_first_pass_there_is_no_second(generator: Generator) -> None:
    stop = Event()
    result = generator.draw(request(hires=HiresFix()), lambda one: stop.set(), stop)
    assert result.stopped
    assert result.images[0].size == (64, 64)


def test_the_models_own_sampler_comes_back(generator: Generator) -> None:
    own = generator.checkpoint.pipeline.scheduler
    generator.draw(request(sampler="DPM++ 2M Karras"))
    assert generator.checkpoint.pipeline.scheduler is own
    assert torch.is_grad_enabled()


def test_the_command_line_says_the_same(tmp_path: Path) -> None:
    """Options over a picture's text."""
    from live_lora.app.cli import parser
    from live_lora.app.generate import request_of

    text = tmp_path / "old.txt"
    text.write_text(
        "a fox\nSteps: 9, Sampler: DDIM, CFG scale: 5, Seed: 3, Size: 64x96, Hires upscale: 2"
    )
    noise(1).save(tmp_path / "in.png")
    words = ["generate", "--infotext", str(text), "--steps", "7", "--sampler", "Euler a"]
    words += [
        "--init-image",
        str(tmp_path / "in.png"),
        "--strength",
        "0.4",
        "--upscaler",
        "Lanczos",
    ]
    found = request_of(parser().parse_args(words))
    assert (found.prompts, found.steps, found.sampler, found.seed) == (("a fox",), 7, "Euler a", 3)
    assert (found.width, found.height, found.guidance) == (64, 96, 5.0)
    assert found.hires == HiresFix(2.0, 0.4, None, "Lanczos")
    assert found.start is not None
    assert found.start.strength == 0.4
