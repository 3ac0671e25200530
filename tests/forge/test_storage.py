"""Forge's storage in 8 bits: ours beside the program's own LoRA, in one process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from webui.programs import FORGE
from webui.server import Webui

from .own_lora import TEXT_BOUND, UNET_BOUND, difference, samples

UNET, BOTH = "a red fox <lora:unet-a:0.8>", "a red fox <lora:a:0.8>"
BOUNDS = {UNET: UNET_BOUND, BOTH: TEXT_BOUND}
ON_THE_FLY, MERGED = "float8-e4m3fn (fp16 LoRA)", "float8-e4m3fn"


def started(models: Path, data: Path, storage: str) -> Webui:
    if FORGE.root is None:
        pytest.skip("needs a real Forge: set FORGE_ROOT")
    return Webui(
        models, data, builtin=True, program=FORGE, options={"forge_unet_storage_dtype": storage}
    )


@pytest.fixture(scope="module")
def answers(
    models: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, np.ndarray]]:
    """[storage][prompt, and "own " + prompt, and "" for none]."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for storage in (ON_THE_FLY, MERGED):
        with started(models, tmp_path_factory.mktemp("storage"), storage) as webui:
            here = found[storage] = {"": webui.txt2img("a red fox").samples}
            for prompt in BOUNDS:
                here[prompt] = samples(webui, prompt, own=False)
                here[f"own {prompt}"] = samples(webui, prompt, own=True)
            here["after"] = webui.txt2img("a red fox").samples
    return found


@pytest.mark.parametrize("prompt", BOUNDS)
def test_on_the_fly_it_is_the_programs_own_lora(
    answers: dict[str, dict[str, np.ndarray]], prompt: str
) -> None:
    here = answers[ON_THE_FLY]
    assert difference(here[prompt], here[f"own {prompt}"]) < BOUNDS[prompt]
    assert difference(here[prompt], here[""]) > 0.1


@pytest.mark.parametrize("prompt", BOUNDS)
def test_where_it_merges_into_8_bits_ours_is_nearer_to_the_truth(
    answers: dict[str, dict[str, np.ndarray]], prompt: str
) -> None:
    """The truth is W in 8 bits + ΔW in 32, which the program itself computes on the fly."""
    truth, here = answers[ON_THE_FLY][f"own {prompt}"], answers[MERGED]
    ours, merged = (difference(here[name], truth) for name in (prompt, f"own {prompt}"))
    assert ours < BOUNDS[prompt]
    assert ours < merged / 10


@pytest.mark.parametrize("storage", [ON_THE_FLY, MERGED])
def test_afterwards_no_bit_has_changed(
    answers: dict[str, dict[str, np.ndarray]], storage: str
) -> None:
    assert (answers[storage]["after"] == answers[storage][""]).all()
