"""Draws with one model and a library of LoRAs: what the page and the command line share."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Any

import torch
from PIL.Image import Image

from .. import prompt as language
from ..hosts import Live, attach
from ..library.catalog import Catalog
from ..prompt import sweeps
from ..session.report import Report
from .load_model import Checkpoint
from .png_parameters import infotext
from .preview_decoder import PreviewDecoder

LARGEST_SEED = 2**32 - 1
GRID = 8  # diffusers draws multiples of this many pixels only


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What to draw: one picture per prompt; picture i has the seed `seed` + i, or all have one.

    Width and height are pixels; without them, and without guidance, the model's own.
    """

    prompts: tuple[str, ...]
    negative: str = ""
    steps: int = 20
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    guidance: float | None = None
    same_seed: bool = False

    @property
    def seeds(self) -> tuple[int, ...]:
        """Picture by picture."""
        first = self.seed or 0
        return tuple(first + i * (not self.same_seed) for i in range(len(self.prompts)))


@dataclass(frozen=True, slots=True)
class StepPreview:
    """Pictures being drawn: `step` of `steps` are done, and how they look, now and then."""

    step: int
    steps: int
    preview: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """The pictures; each carries its infotext as `info["parameters"]`, where PNG keeps it."""

    images: tuple[Image, ...]
    order: GenerationRequest
    report: Report
    stopped: bool = False


class Generator:
    """One model, one picture (or batch) at a time."""

    def __init__(self, checkpoint: Checkpoint, catalog: Catalog, **options: Any) -> None:
        """`options` are those of `attach`, such as `strict`."""
        self.checkpoint = checkpoint
        self.catalog = catalog
        self.live: Live = attach(checkpoint.pipeline, library=catalog, **options)
        self._one_at_a_time = Lock()
        self._stop = Event()

    def draw(
        self, order: GenerationRequest, watch: Callable[[StepPreview], None] | None = None
    ) -> GenerationResult:
        """Raises StrictError in strict mode where something of the prompts cannot be done."""
        with self._one_at_a_time:
            self._stop.clear()
            order = self.settled(order)
            images = self._call(order, watch)
            report = self.live.report or Report()
            for index, image in enumerate(images):
                image.info["parameters"] = infotext(self, order, index, report)
            return GenerationResult(tuple(images), order, report, self._stop.is_set())

    def is_drawing(self) -> bool:
        """At this moment."""
        return self._one_at_a_time.locked()

    def stop(self) -> None:
        """Ends the drawing after its present step."""
        self._stop.set()

    def settled(self, order: GenerationRequest) -> GenerationRequest:
        """The order with what was left open: seed, size, and each picture's value of a sweep."""
        width, height = self.checkpoint.size
        parsed = [language.parse(one) for one in order.prompts]
        return replace(
            order,
            prompts=tuple(sweeps.resolve(one, index) for index, one in enumerate(parsed)),
            same_seed=order.same_seed or any(map(sweeps.same_seed, parsed)),
            seed=random.randint(0, LARGEST_SEED) if order.seed is None else order.seed,
            guidance=self.checkpoint.guidance if order.guidance is None else order.guidance,
            width=on_grid(order.width or width),
            height=on_grid(order.height or height),
        )

    def _call(
        self, order: GenerationRequest, watch: Callable[[StepPreview], None] | None
    ) -> Sequence[Image]:
        count = len(order.prompts)
        # Noise from the CPU's generator is the same on every device.
        noise = [torch.Generator().manual_seed(seed) for seed in order.seeds]
        output = self.live(  # type: ignore[operator]  # attach gave the pipelines' host
            list(order.prompts),
            negative_prompt=[order.negative] * count,
            num_inference_steps=order.steps,
            guidance_scale=order.guidance,
            width=order.width,
            height=order.height,
            generator=noise,
            callback_on_step_end=self._follow(watch),
        )
        images: Sequence[Image] = output.images
        return images

    def _follow(self, watch: Callable[[StepPreview], None] | None) -> Callable[..., dict[str, Any]]:
        preview = PreviewDecoder(self.checkpoint.pipeline)

        def step_end(pipeline: Any, index: int, _: Any, values: dict[str, Any]) -> dict[str, Any]:
            if self._stop.is_set():
                pipeline._interrupt = True  # diffusers' own way to end early
            elif watch is not None:
                look = preview(values["latents"])
                watch(StepPreview(index + 1, pipeline.num_timesteps, look))
            return {}

        return step_end


def on_grid(pixels: int) -> int:
    """The nearest size that can be drawn."""
    return max(GRID, round(pixels / GRID) * GRID)
