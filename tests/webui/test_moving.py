"""Weights moved while the real webui draws: its infotext makes the same picture again."""

from __future__ import annotations

import random
from contextlib import suppress
from threading import Event, Thread
from typing import Any

import pytest

from .server import Picture, Refused, Webui

TASK = "task(moving)"
PROMPT = "a red fox <lora:unet-a:0.4> <lora:b:0.3>"
NEGATIVE = "dog <lora:unet-b:0.2>"
MOVES = 50


def moved(webui: Webui, **options: Any) -> tuple[Picture, int, list[dict[str, Any]]]:
    """The picture, how many moves were taken while it was drawn, and what the last one was told."""
    made, over, taken, told = random.Random(2), Event(), 0, []

    def person() -> None:
        nonlocal taken
        while not over.wait(0.02) and taken < MOVES:
            side, name = made.choice([("cond", "unet-a"), ("cond", "b"), ("uncond", "unet-b")])
            move = {"side": side, "name": name, "value": round(made.uniform(-1, 2), 2)}
            with suppress(Refused):  # not begun yet, or drawn already
                told[:] = [webui.post("/live-lora/moving/move", job=TASK, moves=[move])]
                taken += 1

    webui.post("/live-lora/moving", job="")  # the switch is on
    thread = Thread(target=person)
    thread.start()
    try:
        made_picture = webui.txt2img(
            PROMPT, negative_prompt=NEGATIVE, force_task_id=TASK, **options
        )
    finally:
        over.set()
        thread.join()
    return made_picture, taken, told


def again(webui: Webui, picture: Picture, **options: Any) -> Picture:
    text, _, rest = picture.infotext.partition("\nNegative prompt: ")
    return webui.txt2img(text, negative_prompt=rest.partition("\nSteps:")[0], **options)


@pytest.mark.parametrize(
    "options",
    [
        {"sampler_name": "Euler"},
        {"sampler_name": "Heun"},
        {"enable_hr": True, "hr_scale": 1.5, "denoising_strength": 0.7, "hr_upscaler": "Latent"},
    ],
)
def test_fifty_moves_are_in_the_infotext(webui: Webui, options: dict[str, Any]) -> None:
    options = {"steps": 20, **options}
    picture, taken, told = moved(webui, **options)
    print(taken, "moves;", picture.infotext.partition("\n")[0])
    assert taken > 10
    assert told[0]["steps"] == 20
    assert "hold" in picture.infotext
    assert again(webui, picture, **options).farthest(picture) <= 2
    unmoved = webui.txt2img(PROMPT, negative_prompt=NEGATIVE, **options)
    assert unmoved.farthest(picture) > 5
    assert unmoved.infotext.startswith(PROMPT)


def test_nobody_else_moves_it(webui: Webui) -> None:
    move = {"name": "unet-a", "value": 0.5}
    with pytest.raises(Refused) as refused:
        webui.post("/live-lora/moving/move", job="task(other)", moves=[move])
    assert refused.value.code == 409
