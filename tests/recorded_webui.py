"""What was recorded of a real webui's samplers and passes, and the same asked of the app."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import seeded_checkpoint as seeded
import seeded_pipeline
from live_lora.app.generator import Generator
from live_lora.app.load_model import Checkpoint
from live_lora.app.request import GenerationRequest, HiresFix, StartingPicture
from live_lora.app.start_choices import FILLS, RESIZE_MODES
from live_lora.hosts.attach import open_library
from live_lora.session.session import Options
from PIL import Image
from safetensors.torch import save_file

# The options of its API, which tests/webui/sampler_requests.py and word_requests.py list.
REQUESTS: list[dict[str, Any]] = json.loads((seeded.DATA / "samplers.json").read_text("utf-8"))
SECOND_PASSES: list[dict[str, Any]] = json.loads((seeded.DATA / "hires.json").read_text("utf-8"))
# Relative. It chooses its steps by the difference of two solutions, so that rounding grows.
LATENTS, ADAPTIVE = 1e-3, 5e-3
ROUNDING = 1  # of 255


def generator_of(family: str, folder: Path) -> Generator:
    """The app's, on the seeded checkpoint, with its LoRA."""
    pipe = seeded_pipeline.pipeline(family, folder)
    save_file(seeded.lora(family), folder / "seeded.safetensors")
    return Generator(Checkpoint(pipe, family), open_library(folder, Options()))


def wanted(options: dict[str, Any]) -> GenerationRequest:
    """The API's options as a request."""
    start = None
    if options.get("picture"):
        size, clear = options["picture"], options.get("clear", False)
        start = StartingPicture(
            Image.fromarray(seeded.picture(*size, clear=clear)),
            strength=options["denoising_strength"],
            resize=RESIZE_MODES[options.get("resize_mode", 0)],
        )
        if options.get("masked"):
            start = replace(
                start,
                mask=Image.fromarray(seeded.mask(*size)),
                blur=options["mask_blur"],
                fill=FILLS[options["inpainting_fill"]],
                inverted=bool(options.get("inpainting_mask_invert")),
                only_masked=options["inpaint_full_res"],
                padding=options.get("inpaint_full_res_padding", 0),
            )
    return GenerationRequest(
        (options["prompt"],),
        steps=options["steps"],
        seed=1,
        width=options.get("width", 64),
        height=options.get("height", 64),
        guidance=5.0,
        sampler=options["sampler_name"],
        schedule=options.get("scheduler", ""),
        start=start,
    )


def with_hires_fix(options: dict[str, Any]) -> GenerationRequest:
    """The API's options as a request."""
    hires = HiresFix(
        options["hr_scale"],
        options["denoising_strength"],
        options["hr_second_pass_steps"],
        options["hr_upscaler"],
        options.get("hr_prompt", ""),
        options.get("hr_negative_prompt", ""),
        options.get("hr_sampler_name", ""),
        options.get("hr_scheduler", ""),
    )
    return GenerationRequest(
        (options["prompt"],),
        steps=8,
        seed=1,
        width=64,
        height=64,
        guidance=5.0,
        sampler="Euler",
        hires=hires,
    )
