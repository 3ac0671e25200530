"""Weights that are moved while a picture is drawn: its text makes the same picture again."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Event, Thread

import numpy as np
import pytest
from live_lora.app.generator import Generator
from live_lora.app.infotext_reading import read_infotext
from live_lora.app.request import GenerationRequest, GenerationResult, HiresFix, StepPreview
from live_lora.prompt import parse
from live_lora.prompt.moved_weight import SliderKey
from live_lora.session.sliders import Sliders

STEPS = 20
FEW = 8  # of each of two passes, or of a sampler with two calls a step
LATE = FEW + 4  # calls: four steps of the second pass
NEON, LINEART = SliderKey("cond", "neon"), SliderKey("cond", "lineart")
PROMPT = "a red apple on a blue background <lora:neon:0.4> <lora:lineart:0>"


def draw(
    generator: Generator, prompt: str, sliders: Sliders | None = None, **settings: object
) -> GenerationResult:
    settings = {"steps": STEPS, "seed": 5, **settings}
    watch = settings.pop("watch", None)
    request = GenerationRequest((prompt,), **settings)  # type: ignore[arg-type]
    return generator.draw(request, watch, sliders=sliders)  # type: ignore[arg-type]


def difference(one: GenerationResult, other: GenerationResult) -> int:
    pairs = zip(one.images, other.images, strict=True)
    return max(int(np.abs(np.asarray(a, int) - np.asarray(b, int)).max()) for a, b in pairs)


def at_steps(sliders: Sliders, moves: dict[int, dict[SliderKey, float | None]]) -> Callable:
    """Moves them after so many steps."""

    def watch(preview: StepPreview) -> None:
        sliders.move(moves.get(preview.step, {}))

    return watch


def test_fifty_moves_of_another_thread_are_in_the_text(generator: Generator) -> None:
    made, sliders, done = random.Random(3), Sliders(), Event()
    stepped = Event()

    def person() -> None:
        """Between two steps some moves, mostly while a step is being computed."""
        for index in range(50):
            if index % 3 == 0:
                stepped.wait(5)
                stepped.clear()
            key = made.choice((NEON, LINEART))
            sliders.move({key: made.choice((None, 0.0, round(made.uniform(-1, 2), 2)))})
        done.set()

    thread = Thread(target=person)
    thread.start()
    moved = draw(generator, PROMPT, sliders, watch=lambda _: stepped.set(), sampler="Euler")
    thread.join()
    assert done.is_set()
    text = moved.images[0].info["parameters"]
    assert moved.request.prompts[0] in text
    assert " hold;" in moved.request.prompts[0]
    assert len(parse(moved.request.prompts[0]).tags) == 2
    again = generator.draw(read_infotext(text).request)
    assert difference(moved, again) <= 2
    assert difference(moved, draw(generator, PROMPT, sampler="Euler")) > 20


@pytest.mark.parametrize(
    "sampler", ["", "Heun", "DPM2", "DPM++ 2M Karras", "UniPC", "DPM adaptive"]
)
def test_a_step_has_one_weight_whatever_the_sampler(generator: Generator, sampler: str) -> None:
    sliders, calls = Sliders(), 0
    unet = generator.checkpoint.pipeline.unet

    def moving(*_: object) -> None:
        """At every call of the UNet, the second half of a step included."""
        nonlocal calls
        calls += 1
        sliders.move({NEON: (calls * 7 % 10) / 5})

    handle = unet.register_forward_hook(moving)
    try:
        moved = draw(generator, PROMPT, sliders, sampler=sampler, steps=FEW)
    finally:
        handle.remove()
    # How DPM adaptive goes on depends on last bits: it is hooked like the first, not folded.
    live = Sliders() if sampler == "DPM adaptive" else None
    again = draw(generator, moved.request.prompts[0], live, sampler=sampler, steps=FEW)
    assert moved.request.prompts[0] != PROMPT
    assert difference(moved, again) <= 2


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("<lora:neon:0.5>", "<lora:neon:0.5:unet=0.5@0 hold;2@4 hold;0@9 hold>"),
        ("<lora:neon>", "<lora:neon:te=1:unet=1@0 hold;2@4 hold;0@9 hold>"),
        ("<lora:neon:0.1:0.5>", "<lora:neon:0.1:0.5@0 hold;2@4 hold;0@9 hold>"),
        ("<lora:neon:1:on=0>", "<lora:neon:0:unet=0@0 hold;2@4 hold;0@9 hold>"),
        (
            "<lora:neon:1:unet=0@0;0.6@3:stop=15:lbw=OUTD>",
            "<lora:neon:1:unet=0@0 hold;0.2@1 hold;0.4@2 hold;0.6@3 hold;2@4 hold;0@9 hold"
            ":stop=15:lbw=OUTD>",
        ),
        (
            "<lora:neon:1:in=0.5:out=0.2>",
            "<lora:neon:1:in=0.5@0 hold;2@4 hold;0@9 hold:out=0.2@0 hold;2@4 hold;0@9 hold"
            ":unet=1@0 hold;2@4 hold;0@9 hold>",
        ),
    ],
)
def test_what_the_text_says(generator: Generator, tag: str, text: str) -> None:
    sliders = Sliders()
    watch = at_steps(sliders, {4: {NEON: 2.0}, 9: {NEON: 0.0}})
    moved = draw(generator, f"a red apple {tag}", sliders, watch=watch)
    assert moved.request.prompts[0] == f"a red apple {text}"
    assert difference(moved, draw(generator, moved.request.prompts[0])) <= 2
    assert sliders.acted == {NEON: (False, 9, 0.0)}


def test_a_move_in_the_first_step_and_nothing_else(generator: Generator) -> None:
    """`@1` alone would be the end of the pass."""
    sliders = Sliders()
    watch = at_steps(sliders, {1: {NEON: 1.5}})
    moved = draw(generator, "a red apple <lora:neon:0>", sliders, watch=watch)
    assert moved.request.prompts[0].endswith("unet=0@0 hold;1.5@1 hold;1.5@2 hold>")
    assert difference(moved, draw(generator, moved.request.prompts[0])) <= 2


def test_windows_still_count(generator: Generator) -> None:
    sliders = Sliders()
    watch = at_steps(sliders, {8: {NEON: 2.0}})
    moved = draw(generator, "a red apple <lora:neon:1:stop=5>", sliders, watch=watch)
    assert difference(moved, draw(generator, "a red apple <lora:neon:1:stop=5>")) <= 2


def test_an_unmoved_live_run_is_any_other(generator: Generator) -> None:
    live = draw(generator, PROMPT, Sliders())
    assert live.request.prompts == (PROMPT,)
    assert difference(live, draw(generator, PROMPT)) <= 2
    assert "folded" not in live.report.execution


@pytest.mark.parametrize(
    ("tag", "moves", "kept"),
    [
        ("<lora:neon:0.5>", {3: 1.5}, "hrunet=1.5>"),
        ("<lora:neon:0.5>", {LATE: 1.5}, "hrunet=0.5@0 hold;1.5@4 hold>"),
        ("<lora:neon:0.5:hr=0.2>", {3: 1.5}, ":hr=0.2:unet=0.5@0 hold;1.5@3 hold>"),
        ("<lora:neon:0.5:hr=0.2>", {LATE: 1.5}, ":hr=0.2:unet=0.5:hrunet=0.2@0 hold;1.5@4 hold>"),
        ("<lora:neon:0.5>", {3: 1.5, LATE: 0.0}, "hrunet=1.5@0 hold;0@4 hold>"),
    ],
)
def test_hires_fix(generator: Generator, tag: str, moves: dict[int, float], kept: str) -> None:
    sliders, calls = Sliders(), 0

    def watch(_: StepPreview) -> None:
        nonlocal calls
        calls += 1
        if calls in moves:
            sliders.move({NEON: moves[calls]})

    settings = {"hires": HiresFix(1.5, 0.7, FEW), "sampler": "Euler", "steps": FEW}
    moved = draw(generator, f"a red apple {tag}", sliders, watch=watch, **settings)
    assert kept in moved.request.prompts[0]
    again = draw(generator, moved.request.prompts[0], **settings)
    assert difference(moved, again) <= 2
