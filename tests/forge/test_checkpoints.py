"""Another checkpoint between two requests, and in the middle of one: the refiner."""

from __future__ import annotations

from typing import Any

import pytest
from webui.server import Webui

OTHER = "small-b.safetensors"
QUICK, REPLACEMENTS = "refiner_fast_sd", "refiner_lora_replacement"
PLAIN, TAGGED = "a red fox", "a red fox <lora:a:0.8>"


def test_another_checkpoint(webui: Webui, reference: Webui) -> None:
    """It is another object; the first one comes back as a third."""
    override: dict[str, Any] = {"override_settings": {"sd_model_checkpoint": OTHER}}
    before = webui.txt2img(TAGGED)
    merged, hooked = (one.txt2img(TAGGED, **override) for one in (reference, webui))
    assert hooked.farthest(before) > 20
    assert hooked.farthest(merged) <= 2
    assert (webui.txt2img(TAGGED).samples == before.samples).all()


def refined(webui: Webui, **settings: Any) -> dict[str, Any]:
    """What a request says of a refiner."""
    return {
        "steps": 4,
        "refiner_checkpoint": OTHER,
        "refiner_switch_at": 0.25,
        "override_settings": {**webui.program.refine, **settings},
    }


@pytest.mark.parametrize("quick", [False, True])
def test_the_refiner(webui: Webui, reference: Webui, quick: bool) -> None:
    """From the second of four steps on; every program then activates the prompt's LoRAs again.

    Forge Neo's quick one puts the other file's weights into the UNet that is there.
    """
    if quick and QUICK not in webui.get("/sdapi/v1/options"):
        pytest.skip("this program has one kind of refiner")
    refine = refined(webui, **({QUICK: True} if quick else {}))
    before = webui.txt2img(PLAIN).samples
    merged, hooked = (one.txt2img(TAGGED, **refine) for one in (reference, webui))
    assert hooked.farthest(webui.txt2img(TAGGED, steps=4)) > 5
    assert hooked.farthest(webui.txt2img(PLAIN, **refine)) > 5
    assert hooked.farthest(merged) <= 2
    assert (webui.txt2img(PLAIN).samples == before).all()


def test_the_refiner_has_the_loras_that_the_program_names_for_it(
    webui: Webui, reference: Webui
) -> None:
    """Forge Neo's option; in every other program a prompt's LoRAs are the refiner's."""
    if REPLACEMENTS not in webui.get("/sdapi/v1/options"):
        pytest.skip("this program has no such option")
    prompt = "a red fox <lora:unet-a:0.8>"
    named = refined(webui, **{REPLACEMENTS: "nothing=else\nunet-a=unet-b"})
    merged, hooked = (one.txt2img(prompt, **named) for one in (reference, webui))
    assert hooked.farthest(merged) <= 2
    assert hooked.farthest(webui.txt2img(prompt, **refined(webui))) > 5
    assert prompt in hooked.infotext


def test_a_model_that_the_program_has_compiled_is_told(webui: Webui) -> None:
    """Its graph was made without LoRAs, and has no place for them; afterwards all is as before."""
    if QUICK not in webui.get("/sdapi/v1/options"):
        pytest.skip("only Forge Neo compiles by itself")
    before, plain = webui.txt2img(TAGGED), webui.txt2img(PLAIN)
    webui.post("/probe/compile", wanted=True)
    try:
        assert webui.txt2img(PLAIN).farthest(plain) <= 1
        webui.txt2img(TAGGED)
        told = webui.get("/probe")["comments"]
    finally:
        webui.post("/probe/compile", wanted=False)
    assert "layers were never called (this program has compiled the model" in told
    assert (webui.txt2img(TAGGED).samples == before.samples).all()
