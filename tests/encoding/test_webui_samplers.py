"""Samplers, image to image and inpainting of the app draw what a real webui 1.10.1 draws.

Its latents were recorded by tests/webui/record_samplers.py, from checkpoints whose weights follow
from their keys: every sampler from noise and from a picture, every schedule type, masks, and tags
on SD 2.x and SDXL.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import seeded_checkpoint as seeded
import torch
from distances import distance
from live_lora.app import drawing_passes
from live_lora.app.generator import Generator
from live_lora.app.sampling.noise_levels import NoiseLevels, trained_alphas
from live_lora.app.sampling.sampler_list import SAMPLERS
from live_lora.app.sampling.schedule_types import SCHEDULE_TYPES, sigmas_of
from live_lora.encoding.text_model import TextModel
from recorded_webui import ADAPTIVE, LATENTS, REQUESTS, ROUNDING, generator_of, wanted
from torch import Tensor

LEVELS = 1e-5
SIGMAS: dict[str, list[float]] = json.loads((seeded.DATA / "sigmas.json").read_text("utf-8"))
NUMBERS = {
    family: [number for number, one in enumerate(REQUESTS) if one["family"] == family]
    for family in seeded.FAMILIES
}


def test_all_were_recorded() -> None:
    assert {one["sampler_name"] for one in REQUESTS} == set(SAMPLERS)
    begun = {one["sampler_name"] for one in REQUESTS if one.get("picture")}
    assert begun == set(SAMPLERS)
    assert {one["scheduler"] for one in REQUESTS if "scheduler" in one} == set(SCHEDULE_TYPES)


@pytest.mark.parametrize("key", SIGMAS)
def test_noise_levels_are_the_webuis(key: str) -> None:
    family, kind, steps = key.split("/")
    levels = NoiseLevels(trained_alphas({}))
    got = sigmas_of(kind, int(steps), levels, is_xl=family == "sdxl")
    want = torch.tensor(SIGMAS[key])
    assert got.shape == want.shape
    assert bool(((got - want).abs() <= LEVELS * want).all())


@pytest.fixture(scope="module")
def recorded() -> Iterator[Any]:
    with np.load(seeded.DATA / "samplers.npz") as arrays:
        yield {key: torch.from_numpy(arrays[key]) for key in arrays.files}


@pytest.fixture(scope="module", params=seeded.FAMILIES)
def generator(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Generator:
    return generator_of(str(request.param), tmp_path_factory.mktemp(request.param))


def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text goes through its encoder once, however many pictures are drawn of it.

    Twelve layers take as long as eight steps of the UNet. Only for texts without LoRAs.
    """
    read, known = TextModel.read, {}

    def once(model: TextModel, chunks: Any, device: Any, clip_skip: int | None) -> Any:
        key = model.component, clip_skip, *(tuple(model.padded(chunk)) for chunk in chunks)
        if key not in known:
            known[key] = read(model, chunks, device, clip_skip)
        return known[key]

    monkeypatch.setattr(TextModel, "read", once)


def test_latents_are_the_webuis(
    generator: Generator, recorded: dict[str, Tensor], monkeypatch: Any, subtests: Any
) -> None:
    numbers = NUMBERS[generator.checkpoint.name]
    if not any("<lora:" in REQUESTS[number]["prompt"] for number in numbers):
        read_once(monkeypatch)
    found: list[Tensor] = []
    decoded = drawing_passes.latents.decoded

    def keep(pipeline: Any, latents: Tensor) -> Any:
        found.append(latents)
        return decoded(pipeline, latents)

    monkeypatch.setattr(drawing_passes.latents, "decoded", keep)
    for number in numbers:
        bound = ADAPTIVE if REQUESTS[number]["sampler_name"] == "DPM adaptive" else LATENTS
        with subtests.test(msg=f"{number} {REQUESTS[number]}"):
            (image,) = generator.draw(wanted(REQUESTS[number])).images
            sampled = found[-1][0]
            assert distance(sampled, recorded[str(number)].reshape(sampled.shape)) <= bound
            if f"{number}.picture" in recorded:
                want = recorded[f"{number}.picture"].int()
                pixels = torch.from_numpy(np.asarray(image)[::2, ::2].astype(np.int32))
                assert int((pixels - want).abs().max()) <= ROUNDING
