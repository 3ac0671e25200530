"""Another checkpoint between two requests, and in the middle of one: the refiner."""

from __future__ import annotations

from typing import Any

import pytest
from webui.server import Webui

OTHER = "small-b.safetensors"
QUICK = "refiner_fast_sd"
PLAIN, TAGGED = "a red fox", "a red fox <lora:a:0.8>"


def test_another_checkpoint(webui: Webui, reference: Webui) -> None:
    """It is another object; the first one comes back as a third."""
    override: dict[str, Any] = {"override_settings": {"sd_model_checkpoint": OTHER}}
    before = webui.txt2img(TAGGED)
    merged, hooked = (one.txt2img(TAGGED, **override) for one in (reference, webui))
    assert hooked.farthest(before) > 20
    assert hooked.farthest(merged) <= 2
    assert (webui.txt2img(TAGGED).samples == before.samples).all()


@pytest.mark.parametrize("quick", [False, True])
def test_the_refiner(webui: Webui, reference: Webui, quick: bool) -> None:
    """From the second of four steps on; every program then activates the prompt's LoRAs again.

    Forge Neo's quick one puts the other file's weights into the UNet that is there.
    """
    if quick and QUICK not in webui.get("/sdapi/v1/options"):
        pytest.skip("this program has one kind of refiner")
    settings = webui.program.refine | ({QUICK: True} if quick else {})
    refine: dict[str, Any] = {
        "steps": 4,
        "refiner_checkpoint": OTHER,
        "refiner_switch_at": 0.25,
        "override_settings": settings,
    }
    before = webui.txt2img(PLAIN).samples
    merged, hooked = (one.txt2img(TAGGED, **refine) for one in (reference, webui))
    assert hooked.farthest(webui.txt2img(TAGGED, steps=4)) > 5
    assert hooked.farthest(webui.txt2img(PLAIN, **refine)) > 5
    assert hooked.farthest(merged) <= 2
    assert (webui.txt2img(PLAIN).samples == before).all()
