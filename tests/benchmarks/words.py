"""How far the app's pictures are from a real webui's, and diffusers' samplers from the app's.

    python tests/benchmarks/words.py

Prints the figures of docs/words.md, on the seeded random SD 1.x checkpoint. What the webui drew was
recorded by tests/webui/record_samplers.py and record_words.py. Its latents of the app's samplers
being known to be the same, diffusers' are compared with these.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)
import diffusers
import numpy as np
import recorded_webui as recorded
import seeded_checkpoint as seeded
import torch
from live_lora.app import drawing_passes
from live_lora.app.generator import Generator
from live_lora.app.request import GenerationRequest
from torch import Tensor

TRAINED = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
MULTISTEP: dict[str, Any] = {"steps_offset": 1}
# The webui's name, its schedule type, diffusers' scheduler and its settings.
PAIRS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("Euler", "", "EulerDiscreteScheduler", {"steps_offset": 1}),
    ("Euler", "Karras", "EulerDiscreteScheduler", {"use_karras_sigmas": True}),
    ("Euler", "Exponential", "EulerDiscreteScheduler", {"use_exponential_sigmas": True}),
    ("Euler", "SGM Uniform", "EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
    ("Euler a", "", "EulerAncestralDiscreteScheduler", {"steps_offset": 1}),
    ("Heun", "", "HeunDiscreteScheduler", {}),
    ("PLMS", "", "PNDMScheduler", {"steps_offset": 1, "skip_prk_steps": True}),
    (
        *("DDIM", "", "DDIMScheduler"),
        {"steps_offset": 1, "clip_sample": False, "set_alpha_to_one": False},
    ),
    ("DPM++ 2M", "Karras", "DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    ("DPM++ 2M", "SGM Uniform", "DPMSolverMultistepScheduler", {"timestep_spacing": "trailing"}),
    ("DPM++ 2M", "Uniform", "DPMSolverMultistepScheduler", {}),
    ("UniPC", "", "UniPCMultistepScheduler", {}),
    ("DPM2", "Uniform", "KDPM2DiscreteScheduler", {}),
    ("LCM", "", "LCMScheduler", {}),
    (
        *("DPM++ 2M SDE", "Karras", "DPMSolverMultistepScheduler"),
        {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": True},
    ),
)


class Drawing:
    """The app's generator, and the latents of what it drew last."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.latents = torch.zeros(0)
        decode = drawing_passes.latents.decoded

        def kept(pipeline: Any, latents: Tensor) -> Any:
            self.latents = latents[0].float()
            return decode(pipeline, latents)

        drawing_passes.latents.decoded = kept

    def __call__(self, request: GenerationRequest) -> np.ndarray:
        """(h, w, 3), of 255."""
        return np.asarray(self.generator.draw(request).images[0]).astype(int)


def relative(got: Tensor, want: Tensor) -> float:
    return float((got - want).norm() / want.norm())


def against_the_webui(draw: Drawing) -> Iterator[tuple[str, float, int]]:
    """By kind of request: the largest distance of latents, and of pixels."""
    arrays = np.load(seeded.DATA / "samplers.npz")
    for number, options in enumerate(recorded.REQUESTS):
        if options["family"] != "sd1":
            continue
        pixels, picture = 0, draw(recorded.wanted(options))
        if (found := arrays.get(f"{number}.picture")) is not None:
            pixels = int(np.abs(picture[::2, ::2] - found).max())
        want = torch.from_numpy(arrays[str(number)]).reshape(draw.latents.shape)
        yield _kind(options), relative(draw.latents, want), pixels
    hires = np.load(seeded.DATA / "sd1.npz")
    for number, options in enumerate(recorded.SECOND_PASSES):
        picture = draw(recorded.with_hires_fix(options))[::4, ::4]
        yield "hires fix", 0.0, int(np.abs(picture - hires[f"hires.{number}"]).max())


def _kind(options: dict[str, Any]) -> str:
    began = "from a picture" if options.get("picture") else "from noise"
    if options["sampler_name"] == "DPM adaptive":
        return f"DPM adaptive, {began}"
    if not options.get("masked"):
        return began
    return "only masked" if options["inpaint_full_res"] else "under a mask"


def of_diffusers(draw: Drawing, steps: int) -> Iterator[float]:
    """Pair by pair."""
    pipeline = draw.generator.checkpoint.pipeline
    usual = GenerationRequest(
        ("a red fox",), steps=steps, seed=1, width=64, height=64, guidance=5.0
    )
    for name, schedule, scheduler, settings in PAIRS:
        draw(replace(usual, sampler=name, schedule=schedule))
        want = draw.latents
        pipeline.scheduler = getattr(diffusers, scheduler)(**TRAINED, **settings)
        draw(usual)
        yield relative(draw.latents, want)


def main() -> None:
    with TemporaryDirectory() as folder:
        draw = Drawing(recorded.generator_of("sd1", Path(folder)))
        worst: dict[str, tuple[float, int]] = {}
        for kind, latents, pixels in against_the_webui(draw):
            before = worst.get(kind, (0.0, 0))
            worst[kind] = max(before[0], latents), max(before[1], pixels)
        for kind, (latents, pixels) in worst.items():
            print(f"{kind:32} latents {latents:8.1e}   pixels {pixels} of 255", flush=True)
        every = [list(of_diffusers(draw, steps)) for steps in (8, 20)]
        for (name, schedule, scheduler, _), few, many in zip(PAIRS, *every, strict=True):
            print(f"{f'{scheduler} / {name} {schedule}':56} {few:8.1e} {many:8.1e}")


if __name__ == "__main__":
    main()
