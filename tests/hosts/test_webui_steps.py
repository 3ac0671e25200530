"""Which step a call of the denoiser belongs to, for every kind of sampler the webui has."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from live_lora.hosts.webui import batch_rows, steps
from live_lora.hosts.webui.backends.ldm import Ldm
from torch import nn

# What a sampler does, in its order: "c" calls the denoiser, a number reports that step.
SEQUENCES = {
    "Euler": (False, "c0c1c2", [0, 1, 2]),
    "Heun": (True, "c0cc1cc2", [0, 0, 1, 1, 2]),
    "DPM2": (True, "c0cc1cc2", [0, 0, 1, 1, 2]),
    "PLMS": (False, "cc0c1c2", [0, 0, 1, 2]),
    "silent": (False, "cccc", [0, 0, 0, 3]),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_sampler_reports_its_steps(name: str) -> None:
    second_order, sequence, expected = SEQUENCES[name]
    counted = steps.Steps(4, second_order=second_order)
    found = []
    for what in sequence:
        if what == "c":
            found.append(counted.call(1.0))
        else:
            counted.report(int(what))
    assert found == expected


def test_the_last_step_is_the_last() -> None:
    counted = steps.Steps(2)
    for number in range(5):
        counted.report(number)
    assert counted.call(1.0) == 1


def sampler(name: str, **options: Any) -> Any:
    def func(model: Any, x: Any, sigmas: Any = None, callback: Any = None) -> list[int]:
        found = []
        for number in range(2):
            found.append(stood.live_lora_steps.call(1.0))
            callback({"i": number})
        return found

    func.__name__ = name
    stood = SimpleNamespace(
        func=func,
        config=SimpleNamespace(options=options),
        model_wrap_cfg=SimpleNamespace(steps=7),
    )
    return stood


def test_watching_a_sampler() -> None:
    """Twice is once, and the webui's own callback is still called."""
    stood, reported = sampler("sample_euler"), []
    steps.watch(stood)
    steps.watch(stood)
    sigmas = torch.linspace(3, 0, 3)
    assert stood.func(None, None, sigmas=sigmas, callback=reported.append) == [0, 1]
    assert reported == [{"i": 0}, {"i": 1}]
    assert stood.live_lora_steps.total == 2


@pytest.mark.parametrize(
    ("name", "arguments", "kind", "total"),
    [
        ("sample_euler", {"sigmas": range(11)}, steps.Steps, 10),
        ("ddim", {"timesteps": range(10)}, steps.Steps, 9),
        ("unipc", {"timesteps": range(10)}, steps.Calls, 10),
        ("sample_dpm_fast", {"n": 12}, steps.Calls, 12),
        ("sample_dpm_adaptive", {"sigma_min": 0.1, "sigma_max": 10.0}, steps.Levels, 7),
        ("unknown", {}, steps.Steps, 7),
    ],
)
def test_how_a_sampler_is_counted(
    name: str, arguments: dict[str, Any], kind: type, total: int
) -> None:
    found = steps.steps_of(sampler(name), name, arguments)
    assert type(found) is kind
    assert found.total == total


def test_levels_are_even_in_the_logarithm() -> None:
    counted = steps.Levels(5, 10.0, 0.001)
    levels = (10.0, 1.0, 0.1, 0.01, 0.001, 0.0, 20.0)
    assert [counted.call(level) for level in levels] == [0, 1, 2, 3, 4, 4, 0]


def test_sigma_of_a_timestep() -> None:
    """Samplers on timesteps have the alphas of their model."""
    alphas = torch.tensor([0.9, 0.5, 0.2])
    denoiser = SimpleNamespace(alphas=alphas)
    assert steps.sigma_of(denoiser, torch.tensor([2.0, 2.0])) == pytest.approx(2.0)
    assert steps.sigma_of(SimpleNamespace(), torch.tensor([2.5])) == 2.5


def module(**parts: Any) -> nn.Module:
    made = nn.Module()
    for name, part in parts.items():
        setattr(made, name, part)
    return made


CLIP, OPEN_CLIP, UNET = nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)


def stage(**parts: nn.Module) -> nn.Module:
    return module(wrapped=module(**parts))


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (lambda: {"cond_stage_model": stage(transformer=CLIP)}, {"text_encoder": CLIP}),
        (lambda: {"cond_stage_model": module(transformer=CLIP)}, {"text_encoder": CLIP}),
        (lambda: {"cond_stage_model": stage(model=OPEN_CLIP)}, {"text_encoder": OPEN_CLIP}),
        (
            lambda: {"conditioner": conditioner(stage(transformer=CLIP), stage(model=OPEN_CLIP))},
            {"text_encoder": CLIP, "text_encoder_2": OPEN_CLIP},
        ),
        (lambda: {"conditioner": conditioner(stage(model=OPEN_CLIP))}, {}),
    ],
    ids=["SD 1", "SD 1 not yet wrapped", "SD 2", "SDXL", "SDXL's refiner"],
)
def test_components(
    extra: Callable[[], dict[str, nn.Module]], expected: dict[str, nn.Module]
) -> None:
    found = Ldm().components(module(model=module(diffusion_model=UNET), **extra()))
    assert found.pop("unet") is UNET
    assert found == expected


def conditioner(*stages: nn.Module) -> nn.Module:
    """With an embedder that is no text encoder: sizes and crops."""
    return module(embedders=nn.ModuleList([*stages, nn.Identity()]))


@pytest.mark.parametrize(
    ("hires", "second", "calls"), [(False, 0, 40), (True, 0, 40), (True, 6, 12)]
)
def test_schedules_count_nominal_calls(hires: bool, second: int, calls: int) -> None:
    """img2img at strength 0.5 makes half of the calls; `[a:b:0.5]` is made for all of them."""
    p = SimpleNamespace(steps=20, hr_second_pass_steps=second, is_hr_pass=hires, firstpass_steps=40)
    config = SimpleNamespace(total_steps=lambda steps: 2 * steps)
    denoiser = SimpleNamespace(
        p=p, step=3, total_steps=22, sampler=SimpleNamespace(config=config), inner_model=None
    )
    found = batch_rows.progress_of(denoiser, torch.tensor([1.0]))
    assert (found.call, found.calls) == (3, calls)
    assert found.first_calls == (40 if hires else None)
