"""Samplers under the webui's names."""

from __future__ import annotations

from typing import Any

import pytest
import tiny_pipeline
import torch
from live_lora.app.request import RequestError
from live_lora.app.samplers import SAMPLERS, name_of, sampler_named, scheduler_of


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("Euler a", "", ("Euler a", "Automatic")),
        ("euler A", "", ("Euler a", "Automatic")),
        ("DPM++ 2M Karras", "", ("DPM++ 2M", "Karras")),
        ("DPM++ 2M SDE Exponential", "", ("DPM++ 2M SDE", "Exponential")),
        ("Euler SGM Uniform", "", ("Euler", "SGM Uniform")),
        ("UniPC", "karras", ("UniPC", "Karras")),
        ("LCM", "Automatic", ("LCM", "Automatic")),
    ],
)
def test_names(text: str, kind: str, found: tuple[str, str]) -> None:
    sampler, schedule = sampler_named(text, kind)
    assert (sampler.name, schedule) == found


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("Restart", "", "DPM\\+\\+ 2M SDE"),
        ("Euler a", "Karras", "SGM Uniform"),
        ("DDIM Karras", "", "DDIM has no"),
    ],
)
def test_unknown_names(text: str, kind: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        sampler_named(text, kind)


@pytest.fixture(scope="module")
def pipe() -> Any:
    return tiny_pipeline.pipeline()


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_draws(pipe: Any, name: str) -> None:
    """With every schedule type that it is said to have, and for the model's own prediction."""
    own = pipe.scheduler
    for schedule in ("Automatic", *SAMPLERS[name].schedules):
        pipe.scheduler = scheduler_of(own, *sampler_named(name, schedule))
        assert name_of(pipe.scheduler) == ("DPM++ 2M" if name == "DPM++ 2M SDE" else name)
        assert pipe.scheduler.config.prediction_type == own.config.prediction_type
        options: Any = {"height": 32, "width": 32, "output_type": "latent"}
        noise = torch.Generator().manual_seed(1)
        found = pipe("a fox", num_inference_steps=4, generator=noise, **options).images
        assert found.isfinite().all()
    pipe.scheduler = own
