"""ControlNet's reference control (Mikubill): a call of the UNet inside of each call."""

from __future__ import annotations

from typing import Any

import pytest

from ..server import Webui
from .conftest import first, png, portrait

NEIGHBOURS = ("sd-webui-controlnet",)


def reference() -> dict[str, Any]:
    """Its arguments for a picture to look at."""
    unit = {"enabled": True, "module": "reference_only", "model": "None", "threshold_a": 0.5}
    unit["image"] = {"image": png(portrait())}
    return {"alwayson_scripts": {"ControlNet": {"args": [unit]}}}


@pytest.mark.parametrize("prompt", ["a cat", "a cat <lora:a:0.8>"])
def test_the_builtins_picture(ours: Webui, builtin: Webui, prompt: str) -> None:
    made, expected = ours.txt2img(prompt, **reference()), builtin.txt2img(prompt, **reference())
    assert first(expected, ours.txt2img(prompt)) > 20
    assert first(made, expected) <= 2
    assert "Live LoRA:" not in made.infotext


@pytest.mark.parametrize(
    ("prompt", "negative"),
    [("a cat <lora:unet-a:1:only=cond>", "bad"), ("a cat", "bad <lora:unet-a:1>")],
)
def test_what_it_cannot_keep_apart_is_said(ours: Webui, prompt: str, negative: str) -> None:
    """One line for both sides, before the first attention to the text."""
    made = ours.txt2img(prompt, negative_prompt=negative, **reference())
    assert "acted on both sides" in made.infotext
    assert "acted on both sides" in ours.get("/probe")["comments"]
