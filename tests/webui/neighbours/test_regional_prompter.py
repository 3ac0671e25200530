"""Regional Prompter (hako-mikan): Latent mode keeps LoRAs apart by region."""

from __future__ import annotations

from typing import Any

import pytest

from ..server import Webui
from .conftest import halves

NEIGHBOURS = ("sd-webui-regional-prompter",)
PLAIN = "a red cat BREAK a blue dog"
LEFT, RIGHT = "a red cat <lora:a:0.8> BREAK a blue dog", "a red cat BREAK a blue dog <lora:a:0.8>"
BOTH = "a red cat <lora:a:0.8> BREAK a blue dog <lora:b:0.8>"
COMMON = "nice <lora:b:{}> BREAK a red cat <lora:a:0.8> BREAK a blue dog"


def two(
    mode: str = "Latent", *, base: bool = False, common: bool = False, negative: str = "0"
) -> dict[str, Any]:
    """Its arguments for two columns."""
    matrix = [True, False, "Matrix", "Columns", "Mask", "Prompt", "1,1", "0.2", base, common, False]
    rest = [mode, [False], negative, negative, "0.4", "", "0", "0", False]
    return {"width": 128, "alwayson_scripts": {"Regional Prompter": {"args": [*matrix, *rest]}}}


@pytest.mark.parametrize("prompt", [LEFT, RIGHT, BOTH])
@pytest.mark.parametrize("mode", ["Latent", "Attention"])
def test_the_builtins_picture(ours: Webui, builtin: Webui, prompt: str, mode: str) -> None:
    assert ours.txt2img(prompt, **two(mode)).farthest(builtin.txt2img(prompt, **two(mode))) <= 2


@pytest.mark.parametrize("options", [{"base": True}, {"negative": "0.5"}], ids=str)
def test_its_other_settings(ours: Webui, builtin: Webui, options: dict[str, Any]) -> None:
    prompt = COMMON.format(0.5) if "base" in options else LEFT
    settings = two(**options)
    assert ours.txt2img(prompt, **settings).farthest(builtin.txt2img(prompt, **settings)) <= 2


def test_each_half_changes_with_its_own_tag(ours: Webui) -> None:
    without = ours.txt2img(PLAIN, **two())
    left, right = halves(ours.txt2img(LEFT, **two()), without)
    assert left > 2 * right
    left, right = halves(ours.txt2img(RIGHT, **two()), without)
    assert right > 2 * left


def test_a_common_prompt_counts_once(ours: Webui, builtin: Webui) -> None:
    """It stands in both regions, so the builtin loads its LoRA twice, for every region."""
    settings = two(common=True)
    twice = builtin.txt2img(COMMON.format(0.25), **settings)
    assert ours.txt2img(COMMON.format(0.5), **settings).farthest(twice) <= 2


def test_every_picture_of_a_batch_keeps_its_own(ours: Webui) -> None:
    """That extension sends the batch part by part, not picture by picture."""
    batch = ours.txt2img("a cat <lora:a:sweep=0;1> BREAK a dog", batch_size=2, **two())
    for picture, weight in enumerate((0, 1)):
        one = ours.txt2img(f"a cat <lora:a:{weight}> BREAK a dog", seed=1 + picture, **two())
        assert abs(batch.pictures[-2 + picture] - one.pictures[0]).max() <= 2
    assert "Live LoRA:" not in batch.infotext
