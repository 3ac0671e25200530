"""What is recorded for tests/encoding of words, samplers and passes is what this webui says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from . import sampler_requests, word_requests
from . import words_checkpoints as words
from .server import Webui

DATA = words.seeded.DATA
# Relative. DPM adaptive chooses its steps by the difference of two solutions: rounding grows.
CONDS, LATENTS, ADAPTIVE = 1e-5, 1e-4, 5e-3
ROUNDING = 1  # of 255
LEVELS = 1e-6


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints whose numbers follow from their keys."""
    folder = tmp_path_factory.mktemp("seeded")
    words.make(folder, os.environ["WEBUI_ROOT"])
    return folder


@pytest.fixture(scope="module")
def without_us(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webui]:
    """A webui without our extension."""
    with Webui(models, tmp_path_factory.mktemp("words"), builtin=True, ours=False) as webui:
        yield webui


@pytest.fixture(scope="module", params=words.seeded.FAMILIES)
def family(request: pytest.FixtureRequest, without_us: Webui, models: Path) -> str:
    """Its checkpoint is loaded."""
    word_requests.begin(without_us, models, request.param)
    return str(request.param)


def read(name: str) -> Any:
    return json.loads((DATA / name).read_text("utf-8"))


def same(got: np.ndarray, want: np.ndarray, bound: float) -> bool:
    """Within a share of the length."""
    return bool(np.linalg.norm(got - want) <= bound * np.linalg.norm(want))


def alike(got: np.ndarray, want: np.ndarray) -> bool:
    """As pictures."""
    return int(np.abs(got.astype(int) - want).max()) <= ROUNDING


def test_the_recorded_requests_are_those_that_are_compared() -> None:
    assert read("latents.json") == list(word_requests.LATENTS)
    assert read("hires.json") == list(word_requests.HIRES)
    assert read("samplers.json") == sampler_requests.requests()


def test_conds(without_us: Webui, family: str) -> None:
    """60 prompts, embeddings among them, with SD 1.x, SD 2.x and SDXL."""
    facts, arrays = read(f"{family}.json"), np.load(DATA / f"{family}.npz")
    for number, (one, found) in enumerate(word_requests.told(without_us)):
        assert one == facts[number]
        for key, array in found.items():
            assert same(array, arrays[key], CONDS), words.prompts()[number]


def test_latents_and_second_passes(without_us: Webui, family: str) -> None:
    arrays = np.load(DATA / f"{family}.npz")
    for key, array in word_requests.latents(without_us, family):
        assert same(array, arrays[key], LATENTS), key
    for key, array in word_requests.second_passes(without_us, family):
        assert alike(array, arrays[key]), key


def test_noise_levels(without_us: Webui, family: str) -> None:
    recorded = read("sigmas.json")
    for key, levels in sampler_requests.levels(without_us, family).items():
        assert np.allclose(levels, recorded[key], rtol=LEVELS, atol=0), key


def test_samplers(without_us: Webui, family: str, subtests: Any) -> None:
    """All samplers and schedule types; pictures to begin with, in all their ways."""
    arrays = np.load(DATA / "samplers.npz")
    for number, request in enumerate(sampler_requests.requests()):
        if request["family"] != family:
            continue
        bound = ADAPTIVE if request["sampler_name"] == "DPM adaptive" else LATENTS
        with subtests.test(msg=f"{number} {request}"):
            for key, array in sampler_requests.found(without_us, number):
                if key.endswith("picture"):
                    assert alike(array, arrays[key])
                else:
                    assert same(array, arrays[key], bound)
