"""Sliders by themselves: when a move acts, where it stays, what the text says of it."""

from __future__ import annotations

import math
from threading import Thread

import pytest
from live_lora import parse
from live_lora.prompt.moved_weight import SliderKey
from live_lora.records import Progress, Row, Target
from live_lora.session.sliders import Sliders
from live_lora.session.tag_use import TagUse

UNET = Target("unet", "conv_in", "conv_in", "conv", (4, 4, 3, 3))
TEXT = Target("text_encoder", "q", "q", "linear", (4, 4))
A = SliderKey("cond", "a")
STEPS = 10


def weights(sliders: Sliders, text: str, moments: list[Progress], target: Target = UNET) -> list:
    """Of the prompt's only tag, step by step."""
    (tag,) = parse(text).tags
    (use,) = sliders.made_live([TagUse(tag, 0, "cond")])
    found = []
    for one in moments:
        sliders.reach(one)
        found.append(use.weight(target, Row(), one))
    return found


def steps(first: int, last: int, *, hires: bool = False) -> list[Progress]:
    return [Progress(step, STEPS, hires=hires) for step in range(first, last)]


def test_a_move_waits_for_the_next_step() -> None:
    sliders = Sliders()
    assert weights(sliders, "<lora:a:1>", steps(0, 3)) == [1, 1, 1]
    sliders.move({A: 0.5})
    halves = [Progress(2, STEPS), Progress(2, STEPS)]
    assert weights(sliders, "<lora:a:1>", halves) == [1, 1]
    assert weights(sliders, "<lora:a:1>", steps(3, 5)) == [0.5, 0.5]
    assert sliders.acted == {A: (False, 3, 0.5)}


def test_a_step_that_is_made_again_has_its_own_weight() -> None:
    """DPM adaptive rejects steps."""
    sliders = Sliders()
    weights(sliders, "<lora:a:1>", steps(0, 3))
    sliders.move({A: 0.5})
    assert weights(sliders, "<lora:a:1>", steps(3, 4)) == [0.5]
    assert weights(sliders, "<lora:a:1>", steps(1, 4)) == [1, 1, 0.5]


def test_the_text_encoder_is_left_alone() -> None:
    sliders = Sliders()
    sliders.move({A: 0.5})
    assert weights(sliders, "<lora:a:1>", steps(0, 2), TEXT) == [1, 1]
    assert weights(Sliders(), "<lora:a:1:on=0>", steps(0, 2), TEXT) == [0, 0]


def test_none_is_what_the_tag_says() -> None:
    sliders, text = Sliders(), "<lora:a:0@0;0.9@9>"
    sliders.move({A: 2})
    assert weights(sliders, text, steps(0, 2)) == [2, 2]
    sliders.move({A: None})
    assert weights(sliders, text, steps(2, 4)) == pytest.approx([0.2, 0.3])
    told = sliders.recorded(parse(text))
    assert told == "<lora:a:0:unet=2@0 hold;0.2@2 hold;0.3@3 hold>"


def test_two_of_one_name_have_a_slider_each() -> None:
    sliders = Sliders()
    sliders.move({SliderKey("cond", "a", 1): 0.3, SliderKey("uncond", "a"): 0.7})
    for one in steps(0, 2):
        sliders.reach(one)
    text = "x <lora:a:1> y <lora:a:2>"
    assert sliders.recorded(parse(text)) == "x <lora:a:1> y <lora:a:2:unet=0.3>"
    assert sliders.recorded(parse("<lora:a:1>", negative=True), "uncond") == "<lora:a:1:unet=0.7>"
    assert sliders.recorded(parse("no tag")) == "no tag"


def test_another_batch_begins_where_it_stands() -> None:
    sliders = Sliders()
    weights(sliders, "<lora:a:1>", steps(0, 2))
    sliders.move({A: 0.5})
    weights(sliders, "<lora:a:1>", steps(2, 4))
    sliders.begin()
    assert weights(sliders, "<lora:a:1>", steps(0, 4)) == [0.5] * 4
    assert sliders.recorded(parse("<lora:a:1>")) == "<lora:a:1:unet=0.5>"


@pytest.mark.parametrize(
    ("text", "first", "second"), [("<lora:a:1>", 0.5, 0.5), ("<lora:a:1:hr=0.2>", 1, 0.5)]
)
def test_what_was_moved_in_hires_fix(text: str, first: float, second: float) -> None:
    """A weight of hires fix of its own stays there."""
    sliders = Sliders()
    weights(sliders, text, [*steps(0, 2), *steps(0, 2, hires=True)])
    sliders.move({A: 0.5})
    weights(sliders, text, steps(2, 4, hires=True))
    assert "hrunet=" in sliders.recorded(parse(text))
    sliders.begin()
    moments = [*steps(0, 1), *steps(0, 1, hires=True)]
    assert weights(sliders, text, moments) == [first, second]


@pytest.mark.parametrize("value", [math.nan, math.inf, -101.0])
def test_what_is_no_weight(value: float) -> None:
    with pytest.raises(ValueError, match="no weight from -100 to 100"):
        Sliders().move({A: value})


def test_no_move_of_another_thread_is_lost() -> None:
    sliders, last = Sliders(), 2000

    def moving() -> None:
        for number in range(last + 1):
            sliders.move({SliderKey("cond", f"n{number % 7}"): number / last})

    thread = Thread(target=moving)
    thread.start()
    for step in range(500):
        sliders.reach(Progress(step, 500))
    thread.join()
    sliders.reach(Progress(500, 501))
    found = {key.name: value for key, (_, _, value) in sliders.acted.items()}
    assert len(found) == 7
    assert found == {f"n{n % 7}": n / last for n in range(last - 6, last + 1)}
