"""Models in 8 and 16 bits and in .gguf: ours beside the program's own LoRA, in one process."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from webui.server import Webui

from . import gguf_model
from .make_checkpoints import make_rounded
from .own_lora import TEXT_BOUND, UNET_BOUND, difference, samples

UNET, BOTH = "a red fox <lora:unet-a:0.8>", "a red fox <lora:a:0.8>"
BOUNDS = {UNET: UNET_BOUND, BOTH: TEXT_BOUND}
Answers = dict[str, np.ndarray]
WHOLE: dict[str, Any] = {
    "sd_model_checkpoint": "small-a.safetensors",
    "forge_additional_modules": [],
    "forge_unet_storage_dtype": "Automatic",
}
ROUNDED = "rounded.safetensors"
MERGED: dict[str, dict[str, Any]] = {
    "fp8": {"options": {"forge_unet_storage_dtype": "float8-e4m3fn"}},
    "bf16": {"options": {"sd_model_checkpoint": ROUNDED}, "storage": "bfloat16"},
}
# The weights as they are in few bits, and W + ΔW in 32: "(fp16 LoRA)" means that at every call, and
# of a file whose weights are in 16 bits already, these programs run W and merge into it in 32.
IN_FULL: dict[str, dict[str, Any]] = {
    "fp8": {"options": {"forge_unet_storage_dtype": "float8-e4m3fn (fp16 LoRA)"}},
    "bf16": {"options": {"sd_model_checkpoint": ROUNDED}},
    "gguf": {"options": {"forge_unet_storage_dtype": "Automatic (fp16 LoRA)"}},
}


@pytest.fixture(scope="module")
def answers(webui: Webui) -> Iterator[Callable[[str, bool], Answers]]:
    """Of a storage, in full or merged: [prompt, "own " + prompt, "" for none], asked once."""
    if webui.program.gguf is None:
        pytest.skip("this program has no setting for it")
    make_rounded(webui.models / "Stable-diffusion" / ROUNDED)
    webui.post("/sdapi/v1/refresh-checkpoints")

    @functools.cache
    def asked(storage: str, merged: bool) -> Answers:
        wanted = (MERGED if merged else IN_FULL)[storage]
        options = {**WHOLE, **wanted["options"]}
        if storage == "gguf":
            options |= gguf_model.make(webui)
        webui.post("/probe/load", **{**wanted, "options": options})
        with webui.latents_only():
            found = {"": webui.txt2img("a red fox").samples}
            for prompt in BOUNDS:
                found[prompt] = samples(webui, prompt, own=False)
                found[f"own {prompt}"] = samples(webui, prompt, own=True)
            found["after"] = webui.txt2img("a red fox").samples
        return found

    yield asked
    webui.post("/probe/load", options=WHOLE)


@pytest.mark.parametrize("prompt", BOUNDS)
@pytest.mark.parametrize("storage", IN_FULL)
def test_in_full_it_is_the_programs_own_lora(
    answers: Callable[[str, bool], Answers], storage: str, prompt: str
) -> None:
    here = answers(storage, False)
    assert difference(here[prompt], here[f"own {prompt}"]) < BOUNDS[prompt]
    assert difference(here[prompt], here[""]) > 0.1


@pytest.mark.parametrize("prompt", BOUNDS)
@pytest.mark.parametrize("storage", MERGED)
def test_where_it_merges_into_few_bits_ours_is_nearer_to_the_truth(
    answers: Callable[[str, bool], Answers], storage: str, prompt: str
) -> None:
    """The truth is W in few bits + ΔW in 32, by the program itself."""
    truth, here = answers(storage, False)[f"own {prompt}"], answers(storage, True)
    ours, merged = (difference(here[name], truth) for name in (prompt, f"own {prompt}"))
    assert ours < BOUNDS[prompt]
    assert ours < merged / 10


@pytest.mark.parametrize(
    ("storage", "merged"),
    [*((name, False) for name in IN_FULL), *((name, True) for name in MERGED)],
)
def test_afterwards_no_bit_has_changed(
    answers: Callable[[str, bool], Answers], storage: str, merged: bool
) -> None:
    here = answers(storage, merged)
    assert (here["after"] == here[""]).all()
