"""Caps on a pipeline: held from the second step on, each picture apart, and recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import live_lora
import pytest
import tiny_models as tiny
import torch
from distances import distance
from live_lora import parse
from live_lora.session.cap_record import with_caps
from torch import Tensor

STEPS = 5
WITHIN = 1.01
SAME = 1e-5  # relative: measured and not, the same sums have other roundings


@pytest.fixture(scope="module")
def pipe() -> Any:
    return tiny.sd15()


@pytest.fixture(scope="module")
def library(pipe: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("Lora")
    for seed, name in enumerate(["fox", "owl"]):
        parts = {"unet": tiny.random_lora(pipe.unet, tiny.EVERYTHING, seed=seed)}
        tiny.save_kohya(folder / f"{name}.safetensors", parts, alpha=4.0)
    return folder


@pytest.fixture
def live(pipe: Any, library: Path) -> Iterator[live_lora.Live]:
    with live_lora.attach(pipe, library=library, executor="hooked") as live:
        yield live


def draw(live: Any, *prompts: str, **options: Any) -> Tensor:
    generators = [torch.Generator().manual_seed(seed) for seed in range(len(prompts))]
    size = {"height": 64, "width": 64, "output_type": "latent", "num_inference_steps": STEPS}
    return live([*prompts], generator=generators, **size, **options).images


def recorded(live: Any, prompt: str, picture: int = 0) -> str:
    return with_caps(parse(prompt), "cond", [(live.last, picture)])


def test_it_holds_from_the_second_step_on_each_picture_apart(live: Any) -> None:
    prompts = ["a <lora:fox:3:cap=0.05>", "a <lora:fox:3>", "a <lora:fox:3:cap=0.1><lora:owl:1>"]
    plain = draw(live, *[one.replace(":cap=0.05", "").replace(":cap=0.1", "") for one in prompts])
    out = draw(live, *prompts)
    pooled = live.measured.pooled
    assert (pooled[0, 0, 1:] <= 0.05 * WITHIN).all()
    assert (pooled[2, 0, 1:] <= 0.1 * WITHIN).all()
    assert (pooled[[0, 2], 0, 0] > 0.1 * WITHIN).all()  # nobody knew before the first step
    assert (pooled[1, 0] > 0.1 * WITHIN).all()
    assert pooled[2, 1, 1] > 0.02
    assert torch.allclose(out[1], plain[1], atol=1e-4)
    assert not torch.allclose(out[0], plain[0], atol=1e-2)


@pytest.mark.parametrize(
    "prompt", ["a <lora:fox:3:cap=0.05>", "a <lora:fox:3:cap=0.06><lora:owl:2:cap=0.04:lbw=OUTALL>"]
)
def test_the_text_makes_the_same_picture(live: Any, prompt: str) -> None:
    out = draw(live, prompt)
    text = recorded(live, prompt)
    assert text.count("capped=1@0 hold;0.") == prompt.count("cap=")
    again = draw(live, text)
    assert live.measured is None  # nothing is measured for it
    assert distance(again, out) < SAME


def test_a_lora_under_its_cap_is_the_same_to_the_bit(live: Any) -> None:
    prompt = "a <lora:fox:0.7:cap=5><lora:owl:0.3>"
    out = draw(live, prompt)
    assert recorded(live, prompt) == prompt
    assert torch.equal(draw(live, prompt.replace(":cap=5", "")), out)


def test_a_cap_for_all_loras_together(pipe: Any, live: Any, library: Path) -> None:
    prompt = "a <lora:fox:2><lora:owl:2>"
    with live_lora.attach(pipe, library=library, executor="hooked", cap="0.08") as held:
        out = draw(held, prompt)
        assert (held.measured.pooled_stack[0, 1:] <= 0.08 * WITHIN).all()
        text = recorded(held, prompt)
        curves = [tag.values["capped"] for tag in parse(text).tags]
        assert curves[0] == curves[1]
        assert distance(draw(held, text), out) < SAME  # the setting is still on
    assert distance(draw(live, text), out) < SAME


def test_each_layer_by_itself(live: Any) -> None:
    prompt = "a <lora:fox:3:cap=0.05 each>"
    draw(live, prompt)
    free = live.measured
    assert (free.ratio[0, 0, 0, :] > 0.05).any()
    assert free.ratio[0, 0, 1:, :].quantile(0.9) < 0.06
    assert recorded(live, prompt) == prompt


def test_a_setting_that_is_no_bound(pipe: Any, library: Path) -> None:
    with pytest.raises(ValueError, match="cap: expected a ratio above 0"):
        live_lora.attach(pipe, library=library, cap="much")
