"""SDXL: two text encoders, one of them open_clip's in another layout, and vectors beside them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from webui.loras import make_lora
from webui.server import SETTINGS, Webui

from .make_checkpoints import make_xl
from .own_lora import TEXT_BOUND, UNET_BOUND, difference, samples

BOUNDS = {
    "a fox <lora:xl:0:0.8>": UNET_BOUND,
    "a fox <lora:xl:0.8:0>": TEXT_BOUND,
    "a fox <lora:xl:0.8>": TEXT_BOUND,
}


@pytest.fixture(scope="module")
def xl(webui: Webui) -> Iterator[Webui]:
    """The program with ours, on a random SDXL of 2.4 GB; afterwards on the model of before."""
    checkpoint = webui.models / "Stable-diffusion" / "small-xl.safetensors"
    if not checkpoint.exists():
        make_xl(checkpoint)
        make_lora(checkpoint, webui.models / "Lora" / "xl.safetensors", 31)
    webui.post("/sdapi/v1/refresh-checkpoints")
    webui.post("/sdapi/v1/refresh-loras")
    webui.settings(sd_model_checkpoint=checkpoint.name)
    with webui.latents_only():
        yield webui
    webui.settings(sd_model_checkpoint=SETTINGS["sd_model_checkpoint"])


@pytest.fixture(scope="module")
def plain(xl: Webui) -> np.ndarray:
    return xl.txt2img("a fox").samples


@pytest.mark.parametrize("prompt", BOUNDS)
def test_it_is_the_programs_own_lora(xl: Webui, plain: np.ndarray, prompt: str) -> None:
    ours = samples(xl, prompt, own=False)
    assert difference(ours, samples(xl, prompt, own=True)) < BOUNDS[prompt]
    assert difference(ours, plain) > 0.01


def test_every_picture_has_its_own_tags(xl: Webui, plain: np.ndarray) -> None:
    """Beside one without any, in one batch; and afterwards no bit has changed."""
    prompts = ["a fox", "a fox <lora:xl:0.8>"]
    each = {"Live LoRA": {"args": [prompts]}}
    batch = xl.txt2img("", batch_size=2, alwayson_scripts=each).samples
    tagged = xl.txt2img(prompts[1], seed=2).samples
    assert difference(batch[0], plain[0]) < TEXT_BOUND
    assert difference(batch[1], tagged[0]) < TEXT_BOUND
    assert "xl: added to" in xl.get("/probe")["comments"]
    assert (xl.txt2img("a fox").samples == plain).all()
