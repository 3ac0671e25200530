"""Tiled Diffusion (pkuliyi2015): the batch once for every tile."""

from __future__ import annotations

from typing import Any

import pytest

from ..server import Webui
from .conftest import halves

NEIGHBOURS = ("multidiffusion-upscaler-for-automatic1111",)
METHODS = ("MultiDiffusion", "Mixture of Diffusers")


def tiled(method: str = METHODS[0], batch: int = 2, **options: Any) -> dict[str, Any]:
    """256² in tiles of 128²."""
    sizes = [False, True, 256, 256, 16, 16, 4, batch, "None", 1.0]
    inversion = [False, 10, 1, 1, 64]
    regions = options.pop("regions", [False, False, False])
    args = [True, method, *sizes, *inversion, False, *regions]
    scripts = {"Tiled Diffusion": {"args": args}, **options.pop("scripts", {})}
    return {"width": 256, "height": 256, "alwayson_scripts": scripts, "steps": 2, **options}


@pytest.mark.parametrize("method", METHODS)
def test_the_builtins_picture(ours: Webui, builtin: Webui, method: str) -> None:
    prompt, options = "a red cat <lora:a:0.8>", tiled(method)
    assert ours.txt2img(prompt, **options).farthest(builtin.txt2img(prompt, **options)) <= 2


@pytest.mark.parametrize("together", [True, False], ids=["in one call", "side by side"])
@pytest.mark.parametrize("batch", [1, 2, 4])
def test_sides_are_known(ours: Webui, batch: int, together: bool) -> None:
    options = tiled(batch=batch, override_settings={"batch_cond_uncond": together})
    plain = ours.txt2img("a cat", negative_prompt="bad", **options)
    against = ours.txt2img("a cat", negative_prompt="bad <lora:unet-a:1>", **options)
    only = ours.txt2img("a cat <lora:unet-a:1:only=uncond>", negative_prompt="bad", **options)
    assert against.farthest(plain) > 20
    assert against.farthest(only) <= 2
    assert "Live LoRA:" not in against.infotext


@pytest.mark.parametrize("batch", [1, 4])
def test_every_picture_of_a_batch_keeps_its_own(ours: Webui, batch: int) -> None:
    prompts = ["a cat <lora:a:0.8>", "a dog <lora:b:0.8>"]
    script = {"scripts": {"Live LoRA": {"args": [prompts]}}}
    pictures = ours.txt2img("", batch_size=2, **tiled(batch=batch, **script))
    for number, prompt in enumerate(prompts):
        one = ours.txt2img(prompt, seed=1 + number, **tiled(batch=batch))
        assert abs(pictures.pictures[-2 + number] - one.pictures[0]).max() <= 2
    assert "Live LoRA:" not in pictures.infotext


def region(prompt: str, width: float, *, background: bool) -> list[Any]:
    """Its arguments for one region, from the left edge."""
    box = [True, 0.0, 0.0, width, 1.0, prompt, "", "Background", 0.2, 1]
    return [True, background, False, *box]


@pytest.mark.parametrize("method", METHODS)
def test_a_tag_of_a_region_acts_there(ours: Webui, method: str) -> None:
    def made(prompt: str) -> Any:
        options = tiled(method, regions=region(prompt, 0.5, background=True))
        return ours.txt2img("a cat", **options)

    tagged = made("a dog <lora:unet-a:1>")
    left, right = halves(tagged, made("a dog"))
    assert left > 2 * right
    assert "unet-a: " in tagged.infotext.partition("Lora hashes")[2]
    assert "Live LoRA:" not in tagged.infotext
    assert ours.get("/probe")["hooks"] == 0


def test_a_region_of_the_whole_picture_has_both(ours: Webui) -> None:
    """Its tag as well as the picture's own: its text is the picture's with its own behind it."""

    def made(base: str, prompt: str) -> Any:
        return ours.txt2img(base, **tiled(regions=region(prompt, 1.0, background=False)))

    base, own = " <lora:unet-b:0.5>", " <lora:unet-a:1>"
    both = made(f"a cat{base}", f"a dog{own}")
    assert both.farthest(made(f"a cat{base}{own}", "a dog")) <= 2
    assert both.farthest(made(f"a cat{base}", "a dog")) > 20


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("batch", [1, 4])
def test_each_tile_has_its_part_of_a_mask(ours: Webui, method: str, batch: int) -> None:
    """The halves add up, and the change of the left one lies on the left; by the mask's mean, which
    is what half the weight gives, it lies everywhere.
    """
    options = tiled(method, batch)
    bare, whole, mean = (
        ours.txt2img(f"a cat{tag}", **options)
        for tag in ("", " <lora:unet-a:0.8>", " <lora:unet-a:0.4>")
    )
    both = "a cat <lora:unet-a:0.8:mask=left:soft=0.2> <lora:unet-a:0.8:mask=right:soft=0.2>"
    assert ours.txt2img(both, **options).farthest(whole) <= 2
    masked = ours.txt2img("a cat <lora:unet-a:0.8:mask=left>", **options)
    assert "masks could not be placed on" not in str(ours.get("/probe")["comments"])
    assert masked.farthest(mean) > 5
    left, right = halves(masked, bare)
    everywhere = halves(mean, bare)
    print(f"{method}, {batch} at a time: {left:.2f}, {right:.2f}; by the mean {everywhere}")
    assert right / left < 0.5 * everywhere[1] / everywhere[0]
