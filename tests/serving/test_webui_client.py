"""A client of the webui's API that nobody here wrote."""

from __future__ import annotations

import pytest
from http_asking import in_background, until
from live_lora.serving.drawing_service import DrawingService


def test_the_webuis_own_client(server: tuple[str, DrawingService]) -> None:
    """`webuiapi`, which nobody here wrote; with all that it always sends."""
    webuiapi = pytest.importorskip("webuiapi")
    api = webuiapi.WebUIApi(baseurl=f"{server[0]}/sdapi/v1", steps=2)
    assert (api.has_controlnet, api.has_adetailer) == (False, False)
    drawn = api.txt2img(prompt="a fox <lora:owl:0.8>", seed=5, width=64, height=64)
    assert drawn.image.size == (64, 64)
    assert drawn.info["all_seeds"] == [5]
    assert drawn.info["infotexts"][0].startswith("a fox <lora:owl:0.8>\nSteps: 2, Sampler: Euler a")
    again = api.img2img(images=[drawn.image], prompt="an owl", seed=5, width=64, height=64)
    assert again.image.size == (64, 64)
    large = api.txt2img(prompt="a", enable_hr=True, hr_scale=2, width=64, height=64)
    assert large.image.size == (128, 128)
    assert api.get_progress()["progress"] == 0
    assert {one["name"] for one in api.get_loras()} == {"ghibli", "owl", "ink", "words"}
    api.util_set_model("small")
    assert api.util_get_current_model() == "small.safetensors"
    assert "Euler a" in api.util_get_sampler_names()
    assert api.png_info(drawn.image).info == drawn.info["infotexts"][0]
    assert api.interrupt() == {}
    api.skip()
    with pytest.raises(RuntimeError, match="restore_faces"):
        api.txt2img(prompt="a", restore_faces=True)
    thread, found = in_background(lambda: api.txt2img(prompt="a", steps=150, width=128, height=128))
    until(lambda: webuiapi.WebUIApi(baseurl=api.baseurl).get_progress()["progress"] > 0.02)
    webuiapi.WebUIApi(baseurl=api.baseurl).interrupt()
    thread.join(60)
    assert found[0].image.size == (128, 128)
