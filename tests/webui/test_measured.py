"""How strongly LoRAs act, measured in the real webui; and caps, which hold it there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from .server import Webui

PROMPT = "a red fox <lora:unet-a:0.8> <lora:b:0.6:start=1>"
STEPS = 6
# A step's factor is of the step before: how far a random model's steps may go past a cap.
PAST = 1.15


@pytest.fixture(autouse=True)
def hooked(webui: Webui) -> Iterator[None]:
    """As LoRAs are while they are measured: folded, they would be rounded otherwise."""
    webui.settings(live_lora_executor="hooked", live_lora_measure=False)
    yield
    webui.settings(live_lora_executor="automatic", live_lora_measure=False)


def measured(webui: Webui) -> list[list[dict[str, Any]]]:
    """Of each picture of the last request its passes."""
    (name,) = re.findall(r"Live LoRA, measured: ([\w-]+)", webui.get("/probe")["comments"])
    pictures: list[list[dict[str, Any]]] = webui.get(f"/live-lora/measured/{name}")["pictures"]
    return pictures


def test_every_step_is_measured_and_no_bit_changes(webui: Webui) -> None:
    plain = webui.txt2img(PROMPT, steps=STEPS, batch_size=2)
    assert "measured" not in webui.get("/probe")["comments"]
    webui.settings(live_lora_measure=True)
    assert webui.txt2img(PROMPT, steps=STEPS, batch_size=2).farthest(plain) == 0
    pictures = measured(webui)
    assert len(pictures) == 2
    for (only,) in pictures:
        assert only["networks"] == ["unet-a", "b"]
        steps = [one["step"] for one in only["moments"]]
        assert steps[-STEPS:] == sorted(steps[-STEPS:])
        acted = {name: line[-STEPS:] for name, line in only["pooled"].items()}
        assert all(one > 0.01 for one in acted["unet-a"])
        assert not acted["b"][0]
        assert all(one > 0.001 for one in acted["b"][1:])
    assert pictures[0][0]["pooled"] != pictures[1][0]["pooled"]


def test_the_second_pass_of_hires_fix_is_one_of_two(webui: Webui) -> None:
    webui.settings(live_lora_measure=True)
    more = {"enable_hr": True, "hr_scale": 1.5, "denoising_strength": 0.7, "hr_upscaler": "Latent"}
    webui.txt2img(PROMPT, **more)
    (passes,) = measured(webui)
    hires = [moment["hires"] for one in passes for moment in one["moments"]]
    assert any(hires)
    assert not all(hires)


def test_a_cap_holds_and_its_text_makes_the_same_picture(webui: Webui) -> None:
    webui.settings(live_lora_measure=True)
    free = webui.txt2img("a red fox <lora:unet-a:2>", steps=STEPS)
    ((only,),) = measured(webui)
    cap = round(min(only["pooled"]["unet-a"][-STEPS:]) / 2, 3)
    assert cap > 0.01
    capped = webui.txt2img(f"a red fox <lora:unet-a:2:cap={cap}>", steps=STEPS)
    ((only,),) = measured(webui)
    assert all(one <= cap * PAST for one in only["pooled"]["unet-a"][1 - STEPS :])
    assert capped.farthest(free) > 5
    webui.settings(live_lora_measure=False)
    text = capped.infotext.partition("\nSteps:")[0]
    assert "capped=" in text
    assert webui.txt2img(text, steps=STEPS).farthest(capped) <= 1
