"""What cannot be done for a client of the webui is refused by its name; what is idle is not."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from http_asking import SMALL, WEBUI, webui

REFUSED: dict[str, Any] = {
    "styles": ["anime"],
    "subseed_strength": 0.3,
    "seed_resize_from_w": 512,
    "restore_faces": True,
    "tiling": True,
    "s_churn": 1.0,
    "s_noise": 1.1,
    "sampler_name": "Nope",
    "scheduler": "nope",
    "refiner_checkpoint": "other",
    "script_name": "x/y/z plot",
    "alwayson_scripts": {"ControlNet": {"args": []}},
    "save_images": True,
    "infotext": "a\nSteps: 2",
    "width": 100,
    "batch_size": 0,
    "n_iter": 10**12,
    "hr_additional_modules": ["x"],  # Forge's
    "override_settings": {"sd_vae": "other.pt"},
}


@pytest.mark.parametrize("field", REFUSED)
def test_what_cannot_be_done_is_refused_by_name(ask: httpx.Client, field: str) -> None:
    answer = webui(ask, "txt2img", {**SMALL, field: REFUSED[field]})
    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert problem.keys() >= WEBUI["validation error"].keys()
    assert problem["loc"][0] == "body"
    assert problem["loc"][1].partition(".")[0] == field


@pytest.mark.parametrize(
    ("field", "value", "sampler", "status"),
    [
        ("eta", 0.5, "Euler", 200),
        ("eta", 1.0, "Euler a", 200),
        ("eta", 0.5, "Euler a", 422),
        ("eta", 1.0, "DDIM", 422),
        ("s_noise", 1.1, "DDIM", 200),
        ("hr_upscaler", "R-ESRGAN 4x+", "Euler", 200),
        ("hr_checkpoint_name", "other", "Euler", 200),
        ("refiner_switch_at", 0.8, "Euler", 200),
        ("subseed", 7, "Euler", 200),
        ("override_settings", {"CLIP_stop_at_last_layers": 2}, "Euler", 200),
        ("override_settings", {"sd_model_checkpoint": "small.safetensors [abc]"}, "Euler", 200),
    ],
)
def test_what_has_no_meaning_is_accepted(
    ask: httpx.Client, field: str, value: Any, sampler: str, status: int
) -> None:
    asked = {**SMALL, "sampler_name": sampler, field: value}
    assert webui(ask, "txt2img", asked).status_code == status


def test_types_are_checked_as_by_the_webui(ask: httpx.Client) -> None:
    answer = webui(ask, "txt2img", {**SMALL, "steps": "many"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == WEBUI["validation error"]["loc"]
    missing = webui(ask, "img2img", {"prompt": "a"})
    assert (missing.status_code, missing.json()) == (404, WEBUI["http error"])
