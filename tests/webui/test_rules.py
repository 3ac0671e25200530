"""The stand-in's rules, on the real webui."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .server import Webui

sys.path.append(str(Path(__file__).parents[1] / "hosts"))

from webui_rules import Rules as WebuiRules
from webui_rules import assert_batch_equals_singles


@dataclass
class Made:
    samples: np.ndarray
    infotexts: list[str]


class Host:
    """The stand-in's interface to a running webui."""

    def __init__(self, webui: Webui) -> None:
        self.webui = webui
        self.even_parts = webui.program.even_parts

    def generate(
        self,
        prompt: Any,
        negative: str = "",
        *,
        sampler: str = "Euler",
        hires: bool = False,
        settings: dict[str, Any] | None = None,
        **options: Any,
    ) -> Made:
        if hires:
            options = {
                "hr_scale": 1.5,
                "denoising_strength": 0.7,
                **options,
            }
            options["hr_second_pass_steps"] = options.get("steps", 3)
        if self.even_parts and "batch_cond_uncond" in (settings or {}):
            pytest.skip("this program decides it by the memory that is free")
        if isinstance(prompt, list):
            options |= {"batch_size": len(prompt)}
            options |= {"alwayson_scripts": {"Live LoRA": {"args": [prompt]}}}
        with self.webui.latents_only(not hires):  # hires fix goes on from the picture
            made = self.webui.txt2img(
                prompt if isinstance(prompt, str) else "",
                negative_prompt=negative,
                sampler_name=sampler,
                enable_hr=hires,
                override_settings=settings or {},
                **options,
            )
        return Made(made.samples, made.info["infotexts"])


@pytest.fixture
def host(webui: Webui) -> Host:
    return Host(webui)


class TestRules(WebuiRules):
    """The rules."""


def test_every_picture_has_its_own_tags_on_sdxl(host: Host) -> None:
    """Two text encoders, and vectors beside their outputs."""
    prompts = ["a fox <lora:xl:0.8>", "a fox <lora:xl:-0.5:0>", "a bird [<lora:xl:1>::2]"]
    assert_batch_equals_singles(host, prompts, settings={"sd_model_checkpoint": "small-xl"})
