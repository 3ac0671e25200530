"""Regions in the real webui: the same laws in hires fix, image to image, crops and tiles."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from .server import Picture, Webui

NOT_PLACED = "masks could not be placed on"
SIDE = 128
# What is inpainted: cut out in the picture's proportions it is in the left half still.
BOX = (16, 40, 32, 64)  # left, top, right, bottom


def drawn(webui: Webui, way: str, prompt: str, **options: Any) -> Picture:
    """A picture of this prompt in one of the webui's ways."""
    options = {"width": SIDE, "height": 96, **options}
    if way == "hires fix":
        more = {"enable_hr": True, "hr_scale": 1.5, "denoising_strength": 0.7}
        return webui.txt2img(prompt, **options, **more, hr_upscaler="Latent")
    if way == "text to image":
        return webui.txt2img(prompt, **options)
    made = np.random.default_rng(3).integers(0, 255, (96, SIDE, 3))
    if way != "image to image":
        mask = Image.new("L", (SIDE, 96))
        mask.paste(255, BOX)
        stream = io.BytesIO()
        mask.save(stream, "PNG")
        options |= {"mask": base64.b64encode(stream.getvalue()).decode(), "mask_blur": 0}
        options |= {"inpaint_full_res": way == "only masked", "inpaint_full_res_padding": 4}
        options |= {"inpainting_fill": 1}
    return webui.img2img(prompt, made, denoising_strength=0.8, **options)


def said(webui: Webui) -> str:
    """What stands under the last picture."""
    return str(webui.get("/probe")["comments"])


WAYS = ["text to image", "hires fix", "image to image", "inpainting"]


@pytest.mark.parametrize("way", WAYS)
def test_halves_add_up_and_a_region_is_no_other(webui: Webui, way: str) -> None:
    whole = drawn(webui, way, "a fox <lora:unet-a:0.8>")
    halves = "a fox <lora:unet-a:0.8:mask=left:soft=0.2> <lora:unet-a:0.8:mask=right:soft=0.2>"
    assert drawn(webui, way, halves).farthest(whole) <= 2
    left = drawn(webui, way, "a fox <lora:unet-a:0.8:mask=left>")
    assert "ran: unet-a" in said(webui)
    assert NOT_PLACED not in said(webui)
    assert left.farthest(whole) > 5
    assert left.farthest(drawn(webui, way, "a fox ")) > 5


def test_only_masked_cuts_the_mask_out_of_the_whole_picture(webui: Webui) -> None:
    """What is cut out lies in the left half: there `left` is everywhere, `right` nowhere."""
    # The webui seeds torch after it has encoded the picture: its first one is like no other.
    drawn(webui, "only masked", "a fox ")
    whole = drawn(webui, "only masked", "a fox <lora:unet-a:0.8>")
    bare = drawn(webui, "only masked", "a fox ")
    assert whole.farthest(bare) > 5
    assert drawn(webui, "only masked", "a fox <lora:unet-a:0.8:mask=left>").farthest(whole) <= 2
    assert drawn(webui, "only masked", "a fox <lora:unet-a:0.8:mask=right>").farthest(bare) <= 2


def test_a_convolutions_lora(webui: Webui) -> None:
    whole = drawn(webui, "text to image", "a fox <lora:lo con:te=0:unet=0.7>")
    halves = "a fox <lora:lo con:te=0:unet=0.7:mask=top> <lora:lo con:te=0:unet=0.7:mask=bottom>"
    assert drawn(webui, "text to image", halves).farthest(whole) <= 2


@pytest.mark.parametrize(
    "settings", [{"token_merging_ratio": 0.5}, {"hypertile_enable_unet": True}]
)
def test_fewer_tokens_fit_or_are_told(webui: Webui, settings: dict[str, Any]) -> None:
    """Either the halves add up, or the report says on which layers masks were by their mean."""
    how = {"width": 256, "height": 256}
    halves = "a fox <lora:unet-a:0.8:mask=left> <lora:unet-a:0.8:mask=right>"
    webui.settings(**settings)
    try:
        whole = drawn(webui, "text to image", "a fox <lora:unet-a:0.8>", **how)
        both = drawn(webui, "text to image", halves, **how)
        told = NOT_PLACED in said(webui)
    finally:
        webui.settings(**{name: type(value)() for name, value in settings.items()})
    assert told or both.farthest(whole) <= 2
    assert both.farthest(whole) <= 8  # by the mean the halves add up, too
    print(settings, "told" if told else "fitted", both.farthest(whole))
