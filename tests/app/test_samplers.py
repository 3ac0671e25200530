"""Samplers under the webui's names."""

from __future__ import annotations

from typing import Any

import pytest
import tiny_pipeline
from live_lora.app.generator import Generator
from live_lora.app.load_model import Checkpoint
from live_lora.app.request import GenerationRequest, RequestError, StartingPicture
from live_lora.app.samplers import SCHEDULES, name_of, own_name, sampler_named
from live_lora.app.sampling.sampler_list import SAMPLERS
from live_lora.hosts.attach import open_library
from live_lora.session.session import Options


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("Euler a", "", ("Euler a", "Automatic")),
        ("euler A", "", ("Euler a", "Automatic")),
        ("k_euler_a", "", ("Euler a", "Automatic")),
        ("DPM++ 2M Karras", "", ("DPM++ 2M", "Karras")),
        ("DPM++ 2M SDE Exponential", "", ("DPM++ 2M SDE", "Exponential")),
        ("DPM++ 2M SDE Heun Exponential", "", ("DPM++ 2M SDE Heun", "Exponential")),
        ("Euler SGMUniform", "", ("Euler", "SGM Uniform")),
        ("Heun", "align_your_steps", ("Heun", "Align Your Steps")),
        ("LMS", "karras", ("LMS", "Karras")),
        ("LCM", "Automatic", ("LCM", "Automatic")),
    ],
)
def test_names(text: str, kind: str, found: tuple[str, str]) -> None:
    sampler, schedule = sampler_named(text, kind)
    assert (sampler.name, schedule) == found


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("DPM++ 2M alt", "", r"the nearest is 'DPM\+\+ 2M'"),
        ("Lanczos", "", "there are DPM"),
        ("Euler a", "Karas", "the nearest is 'Karras'"),
        ("DDIM Karras", "", "DDIM has timesteps of its own"),
    ],
)
def test_unknown_names(text: str, kind: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        sampler_named(text, kind)


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    catalog = open_library(tmp_path_factory.mktemp("none"), Options())
    return Generator(Checkpoint(tiny_pipeline.pipeline(), "tiny"), catalog)


def request(sampler: str, **more: Any) -> GenerationRequest:
    usual: dict[str, Any] = {"steps": 4, "seed": 1, "width": 32, "height": 32, "guidance": 3.0}
    return GenerationRequest(("a fox", "an owl"), sampler=sampler, **usual | more)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_draws(generator: Generator, name: str) -> None:
    """From noise and from a picture; a picture of a batch is that which is drawn alone."""
    both = generator.draw(request(name)).images
    alone = generator.draw(request(name).of_picture(1)).images[0]
    pairs = zip(both[1].tobytes(), alone.tobytes(), strict=True)
    assert max(abs(one - other) for one, other in pairs) <= 1
    start = StartingPicture(both[0], None, 0.5)
    again = generator.draw(request(name, start=start)).images
    assert again[0].tobytes() != both[0].tobytes()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_type_draws(generator: Generator, schedule: str) -> None:
    images = generator.draw(request("DPM++ 2M", schedule=schedule)).images
    assert [image.size for image in images] == [(32, 32)] * 2


def test_a_models_own_sampler_has_the_webuis_name() -> None:
    from diffusers import DDIMScheduler, EDMEulerScheduler

    assert own_name(DDIMScheduler()) == "DDIM"
    assert own_name(EDMEulerScheduler()) is None
    assert name_of(EDMEulerScheduler()) == "EDMEuler"
