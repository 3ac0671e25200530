"""Scripts of the webui that make several pictures, and machines with little memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .server import Picture, Webui

SWITCHES = {
    "Draw legend": False,
    "Include Sub Images": True,
    "Use text inputs instead of dropdowns": True,
}


def plot(webui: Webui, label: str, values: str, prompt: str) -> Picture:
    """An X/Y/Z plot with one axis: the pictures of its cells."""
    scripts = webui.get("/sdapi/v1/script-info")
    (script,) = [s for s in scripts if s["name"] == "x/y/z plot" and not s["is_img2img"]]
    types = script["args"][0]["choices"]
    axis = [types.index(f"[Live LoRA] {label}"), values, []]
    nothing = [types.index("Nothing"), "", []]
    arguments = [*axis, *nothing, *nothing]
    for one in script["args"][len(arguments) :]:  # programs have other ones, in other orders
        arguments.append(SWITCHES.get(one["label"], one["value"]))
    made = webui.txt2img(prompt, script_name="x/y/z plot", script_args=arguments)
    cells = made.pictures[-len(values.split(",")) :]
    return Picture(cells, made.info)


@pytest.mark.parametrize(
    ("label", "values", "prompts"),
    [
        ("weight", "0,0.5,1", ["a fox <lora:a:0>", "a fox <lora:a:0.5>", "a fox <lora:a:1>"]),
        ("LoRA", "b,none", ["a fox <lora:b:0.8>", "a fox "]),
        ("stop", "0.4,1", ["a fox <lora:a:0.8:stop=0.4>", "a fox <lora:a:0.8:stop=1>"]),
        ("block preset", "INS,ALL", ["a fox <lora:a:0.8:lbw=INS>", "a fox <lora:a:0.8>"]),
    ],
)
def test_axes_of_the_plot(webui: Webui, label: str, values: str, prompts: list[str]) -> None:
    cells = plot(webui, label, values, "a fox <lora:a:0.8>")
    for cell, prompt in zip(cells.pictures, prompts, strict=True):
        assert abs(cell - webui.txt2img(prompt).pictures[0]).max() == 0


def test_prompt_matrix_gives_every_picture_its_own(webui: Webui) -> None:
    """It makes a list of prompts for one batch; the webui would use the first one's tags."""
    arguments = [False, False, "positive", "comma", 0]
    made = webui.txt2img(
        "a fox|<lora:a:1>", script_name="prompt matrix", script_args=arguments, batch_size=2
    )
    plain, tagged = made.pictures[-2:]
    assert abs(plain - webui.txt2img("a fox").pictures[0]).max() <= 1
    assert abs(tagged - webui.txt2img("a fox, <lora:a:1>").pictures[0]).max() <= 1


@pytest.fixture(scope="module")
def small(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webui]:
    """With --lowvram, which moves parts of the model and encodes for hires fix ahead."""
    data = tmp_path_factory.mktemp("lowvram")
    with Webui(models, data, builtin=False, flags=["--lowvram"]) as webui:
        yield webui


def test_little_memory(small: Webui, reference: Webui) -> None:
    hires: dict[str, Any] = {
        "enable_hr": True,
        "hr_scale": 1.5,
        "denoising_strength": 0.7,
    }
    prompts = {"prompt": "a fox <lora:a:0.8>", "hr_prompt": "a fox <lora:b:0.7>"}
    for options in ({"prompt": prompts["prompt"]}, prompts | hires):
        assert small.txt2img(**options).farthest(reference.txt2img(**options)) <= 2
