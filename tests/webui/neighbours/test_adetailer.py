"""ADetailer (Bing-su): a generation of its own inside of a generation, with its own prompt."""

from __future__ import annotations

from typing import Any

import pytest

from ..server import Picture, Webui
from .conftest import first, portrait

NEIGHBOURS = ("adetailer",)


def face(webui: Webui, prompt: str, own: str, **options: Any) -> Picture:
    """A portrait, whose face alone is drawn again, by the prompt `own`."""
    unit = {"ad_model": "mediapipe_face_full", "ad_prompt": own, "ad_confidence": 0.1}
    script = {"ADetailer": {"args": [True, True, unit]}}  # True: only what it does itself
    size = {"width": 256, "height": 256, "steps": 4, "denoising_strength": 0.5}
    return webui.img2img(prompt, portrait(), alwayson_scripts=script, **size, **options)


@pytest.mark.parametrize("own", ["", "a face <lora:b:0.8>", "[PROMPT] smiling <lora:b:0.5>"])
def test_the_builtins_picture(ours: Webui, builtin: Webui, own: str) -> None:
    prompt = "a woman <lora:a:0.8>"
    expected = face(builtin, prompt, own)
    assert first(expected, face(builtin, "a woman", "a face")) > 5
    assert first(face(ours, prompt, own), expected) <= 2


def test_the_report_is_of_its_generation(ours: Webui) -> None:
    face(ours, "a woman <lora:a:0.8>", "a face <lora:b:0.8>")
    assert [one["name"] for one in ours.get("/live-lora/report")["networks"]] == ["b"]
    assert ours.get("/probe")["hooks"] == 0
