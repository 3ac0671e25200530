"""Sweeps: each picture's own prompt."""

from __future__ import annotations

import pytest
from live_lora import parse
from live_lora.prompt.sweeps import picture_count, prompt_of_picture, same_seed


def test_a_sweep_is_written_out_picture_by_picture() -> None:
    prompt = parse("a <lyco: x :sweep=0; .5;1:seed=same:start=2> <lora:y:0.8:seed=same:sweep=1,0>")
    assert [prompt_of_picture(prompt, picture) for picture in range(4)] == [
        "a <lyco: x :0:start=2> <lora:y:0.8:sweep=1>",
        "a <lyco: x :.5:start=2> <lora:y:0.8:sweep=0>",
        "a <lyco: x :1:start=2> <lora:y:0.8:sweep=1>",
        "a <lyco: x :0:start=2> <lora:y:0.8:sweep=0>",
    ]


@pytest.mark.parametrize("weight", ["te=0.5", "unet=0.5", "hr=0.5", "hrte=0.5", "hrunet=0.5"])
def test_a_weight_of_its_own_stays_beside_the_sweep(weight: str) -> None:
    prompt = parse(f"<lora:x:{weight}:sweep=1;2>")
    assert prompt_of_picture(prompt, 1) == f"<lora:x:{weight}:sweep=2>"


def test_how_many_pictures_and_which_seeds() -> None:
    prompt = parse("a <lora:x:sweep=0;.5;1:seed=same> <lora:y:0.8:sweep=1,0>")
    assert picture_count(prompt) == 3
    assert same_seed(prompt)
    assert not same_seed(parse("<lora:x:sweep=0;1>"))
    assert picture_count(parse("<lora:x>")) == 1
