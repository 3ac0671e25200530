"""The passes of one drawing: from noise or from a picture, and hires fix on what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from .. import prompt as language
from ..prompt import sweeps
from ..session.report import PromptDiagnostic, Report, StrictError
from ..session.sliders import Sliders
from . import latents
from .beginning import Beginnings
from .pass_records import PassRecords
from .pass_reports import merged, of_one_picture
from .request import GenerationRequest, HiresFix
from .samplers import own_name, sampler_named
from .sampling.noise_levels import trained_alphas
from .sampling.pipeline_scheduler import PipelineScheduler
from .sampling.sampler_list import Sampler
from .sampling.sampling_task import SamplingTask, StartingLatents

StepEnd = Callable[..., dict[str, Any]]
FALLBACK = (
    "Euler"  # in passes from latents, where the webui has no name for the model's own sampler
)


@dataclass(frozen=True, slots=True)
class DrawingPass:
    """One pass: its words, its sampler and its size; `start` are latents to begin with."""

    prompts: Sequence[str]
    negatives: Sequence[str]
    sampler: Sampler
    schedule: str
    steps: int
    size: tuple[int, int]
    start: StartingLatents | None = None
    first_calls: int | None = None  # of the UNet in the pass before, in a hires pass
    alone: int | None = None  # the number of a picture that is drawn by itself

    def of_picture(self, picture: int) -> DrawingPass:
        """One of its pictures by itself."""
        one = slice(picture, picture + 1)
        start = self.start and self.start.of_picture(picture)
        prompts, negatives = self.prompts[one], self.negatives[one]
        return replace(self, prompts=prompts, negatives=negatives, start=start, alone=picture)


@dataclass(slots=True)
class DrawingPasses:
    """Draws a settled request with a pipeline's host; `lost` is what a strict one lacks."""

    live: Any
    pipeline: Any
    request: GenerationRequest
    step_end: StepEnd
    stopped: Callable[[], bool]
    sliders: Sliders | None = None
    lost: list[PromptDiagnostic] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    records: PassRecords = field(default_factory=PassRecords)
    _begun: Beginnings | None = None

    def images(self) -> Sequence[Image.Image]:
        """The pictures."""
        starts = self.request.starts
        self._begun = Beginnings(starts, self._size) if starts else None
        found = self._first()
        if self.request.hires is not None and not self.stopped():
            found = self._second(found, self.request.hires)
        drawn = latents.decoded(self.pipeline, found)
        return drawn if self._begun is None else self._begun.over(drawn)

    @property
    def report(self) -> Report:
        """Of all passes together."""
        found = merged(self.reports)
        if self._begun is None or self.request.own_starts:
            return found
        return replace(found, notes=[*found.notes, *self.notes_of(0)])

    def notes_of(self, picture: int) -> list[str]:
        """What of the picture that one began with was not as it was asked for."""
        return [] if self._begun is None else self._begun.each[picture].notes

    @property
    def _size(self) -> tuple[int, int]:
        return self.request.width or 0, self.request.height or 0

    def _first(self) -> Tensor:
        request = self.request
        if self._begun is None and not request.sampler:
            return self._by_own_scheduler()
        sampler, schedule = self._sampler(request.sampler, request.schedule)
        words = (request.prompts, request.negatives)
        one = DrawingPass(*words, sampler, schedule, request.steps, self._size)
        if self._begun is not None:
            one = replace(one, start=self._begun.latents(self.pipeline, request))
        return self._sampled(one)

    def _second(self, found: Tensor, hires: HiresFix) -> Tensor:
        """Hires fix: all its steps are run, on as much noise as its strength says."""
        first = self.request
        size = enlarged_size(first)
        source = latents.enlarged(self.pipeline, found, size, hires.upscaler)
        before = self._sampler(first.sampler, "")[0]
        sampler, schedule = self._sampler(hires.sampler or first.sampler, hires.schedule)
        if not hires.schedule and sampler.has_schedules:
            schedule = first.schedule or schedule
        prompts, negatives = (
            [_own(text, usual, index) for index, usual in enumerate(usuals)]
            for text, usuals in ((hires.prompt, first.prompts), (hires.negative, first.negatives))
        )
        return self._sampled(
            DrawingPass(
                *(prompts, negatives, sampler, schedule, hires.steps or first.steps, size),
                start=StartingLatents(source.float(), hires.strength, every_step=True),
                first_calls=first.steps * before.calls_per_step,
            )
        )

    def _sampler(self, name: str, schedule: str) -> tuple[Sampler, str]:
        """The sampler that is asked for, or what the model's own is called in the webui."""
        return sampler_named(name or own_name(self.pipeline.scheduler) or FALLBACK, schedule)

    def _sampled(self, one: DrawingPass) -> Tensor:
        """The latents of one pass. A sampler that chooses its steps does so for each picture."""
        seeds, count = self.request.seeds, len(one.prompts)
        if not one.sampler.is_adaptive or count == 1:
            return self._sampled_together(one, seeds)
        every = [
            self._sampled_together(one.of_picture(index), seeds[index : index + 1])
            for index in range(count)
        ]
        return torch.cat(every)

    def _sampled_together(self, one: DrawingPass, seeds: Sequence[int]) -> Tensor:
        scheduler = self._scheduler(one, seeds)
        order = one.sampler.calls_per_step
        with self._in_place(scheduler):
            output: Tensor = self._call(
                one,
                latents=scheduler.first,
                guidance_scale=scheduler.asked_guidance,
                num_inference_steps=one.steps,
                calls=one.steps * order,
                first_calls=one.first_calls,
            )
        found = scheduler.result if scheduler.result is not None else scheduler.denoised
        return output if found is None else found.to(output.dtype)

    def _scheduler(self, one: DrawingPass, seeds: Sequence[int]) -> PipelineScheduler:
        pipe, config = self.pipeline, self.pipeline.scheduler.config
        factor = pipe.vae_scale_factor
        width, height = (side // factor for side in one.size)
        task = SamplingTask(
            *(one.sampler, one.schedule, one.steps, seeds),
            shape=(len(one.prompts), pipe.unet.config.in_channels, height, width),
            alphas=trained_alphas(config),
            prediction=config.get("prediction_type", "epsilon"),
            is_xl=hasattr(pipe, "text_encoder_2"),
            start=one.start,
            device=pipe._execution_device,
        )
        return PipelineScheduler(task, pipe.unet.dtype, float(self.request.guidance or 0))

    def _by_own_scheduler(self) -> Tensor:
        """From noise, as the model's makers meant it."""
        request = self.request
        sampler, schedule = self._sampler("", "")
        one = DrawingPass(
            request.prompts, request.negatives, sampler, schedule, request.steps, self._size
        )
        # Noise from the CPU's generator is the same on every device.
        generators = [torch.Generator().manual_seed(seed) for seed in request.seeds]
        found: Tensor = self._call(
            one,
            generator=generators,
            guidance_scale=request.guidance,
            num_inference_steps=request.steps,
        )
        return found

    def _call(self, one: DrawingPass, **given: Any) -> Any:
        """One call of the pipeline, whose latents it gives."""
        request = self.request
        skips = request.clip_skip > 1 and not hasattr(self.pipeline, "text_encoder_2")
        options = {
            "negative_prompt": list(one.negatives),
            "width": one.size[0],
            "height": one.size[1],
            "callback_on_step_end": self.step_end,
            "emphasis": request.emphasis,
            "clip_skip": request.clip_skip - 1 if skips else None,
            "output_type": "latent",
            "sliders": self.sliders,
            "measure": request.measure,
            **given,
        }
        try:
            output = self.live(list(one.prompts), **options)
        except StrictError as error:
            if error.result is None:
                raise
            output = error.result
            self.lost += error.problems
        report = self.live.report
        self.reports.append(report if one.alone is None else of_one_picture(report, one.alone))
        self.records.keep(self.live, one.alone)
        return output.images

    @contextmanager
    def _in_place(self, scheduler: PipelineScheduler) -> Iterator[None]:
        """Inside, the pipeline goes by this one."""
        own = self.pipeline.scheduler
        self.pipeline.scheduler = scheduler
        try:
            yield
        finally:
            self.pipeline.scheduler = own


def enlarged_size(request: GenerationRequest) -> tuple[int, int]:
    """Width and height after hires fix, in steps of 8 pixels."""
    scale = request.hires.scale if request.hires else 1.0
    width, height = (int((side or 0) * scale) // 8 * 8 for side in (request.width, request.height))
    return width, height


def _own(text: str, usual: str, picture: int) -> str:
    """The second pass' text: its own, with the picture's value of a sweep, or that of the first."""
    return sweeps.prompt_of_picture(language.parse(text), picture) if text.strip() else usual
