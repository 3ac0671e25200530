"""The passes of one drawing: from noise or from a picture, and hires fix on what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import diffusers
import torch
from PIL import Image
from torch import Tensor

from ..session.report import PromptDiagnostic, Report, StrictError
from . import latents
from .request import GenerationRequest
from .samplers import sampler_named, scheduler_of

StepEnd = Callable[..., dict[str, Any]]


@dataclass(slots=True)
class DrawingPasses:
    """Draws a settled request with a pipeline's host; `lost` is what a strict one lacks."""

    live: Any
    pipeline: Any
    request: GenerationRequest
    step_end: StepEnd
    stopped: Callable[[], bool]
    lost: list[PromptDiagnostic] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)

    def images(self) -> Sequence[Image.Image]:
        """The pictures."""
        with self._sampler():
            if self.request.hires is None:
                images: Sequence[Image.Image] = self._first("pil")
                return images
            found = self._first("latent")
            if not self.stopped():
                found = self._second(found)
            return latents.decoded(self.pipeline, found)

    @property
    def report(self) -> Report:
        """Of all passes: the last one's, with the layers that only an earlier one changed."""
        last = self.reports[-1] if self.reports else Report()
        for before in self.reports[:-1]:
            earlier = {one.file: one for one in before.networks}
            for one in last.networks:
                for component, count in earlier[one.file].ran.items():
                    one.ran[component] = max(count, one.ran.get(component, 0))
        return last

    def _first(self, output: str) -> Any:
        start = self.request.start
        size = (self.request.width or 0, self.request.height or 0)
        if start is None:
            given = {"num_inference_steps": self.request.steps, "output_type": output}
            return self._call("", {**given, "width": size[0], "height": size[1]})
        count = len(self.request.prompts)
        image = latents.fitted(start.image.convert("RGB"), size)
        given = {**self._strength(start.strength, self.request.steps), "output_type": output}
        if start.mask is None:
            source = latents.encoded(self.pipeline, [image]).repeat(count, 1, 1, 1)
            return self._call("Img2Img", {**given, "image": source})
        mask = latents.fitted(start.mask.convert("L"), size)
        sizes = {"width": size[0], "height": size[1]}
        drawn = self._call("Inpaint", {**given, **sizes, "image": image, "mask_image": mask})
        if output == "latent":
            return drawn
        return [Image.composite(one, image, mask) for one in drawn]

    def _second(self, found: Tensor) -> Tensor:
        """Hires fix: all its steps are run, on as much noise as its strength says."""
        hires, first = self.request.hires, self.request
        assert hires is not None
        size = enlarged_size(first)
        source = latents.enlarged(self.pipeline, found, size, hires.upscaler)
        steps, order = hires.steps or first.steps, getattr(self.pipeline.scheduler, "order", 1)
        total = max(steps, int(steps / min(max(hires.strength, 1e-3), 0.999)))
        drawn: Tensor = self._call(
            "Img2Img",
            {
                "image": source,
                "num_inference_steps": total,
                "strength": min(1.0, (steps + 0.5) / total),
                "output_type": "latent",
                "first_calls": first.steps * order,
                "calls": steps * order,
            },
        )
        return drawn

    def _strength(self, strength: float, steps: int) -> dict[str, Any]:
        """As the webui counts: ⌊strength · steps⌋ + 1 steps are run."""
        run = int(min(strength, 0.999) * steps) + 1
        return {"num_inference_steps": steps, "strength": min(1.0, (run + 0.5) / steps)}

    def _call(self, kind: str, given: dict[str, Any]) -> Any:
        """One pass; `kind` of pipeline: "", "Img2Img" or "Inpaint"."""
        request = self.request
        skips = request.clip_skip > 1 and not hasattr(self.pipeline, "text_encoder_2")
        options = {
            "negative_prompt": list(request.negatives),
            "guidance_scale": request.guidance,
            # Noise from the CPU's generator is the same on every device.
            "generator": [torch.Generator().manual_seed(seed) for seed in request.seeds],
            "callback_on_step_end": self.step_end,
            "emphasis": request.emphasis,
            "clip_skip": request.clip_skip - 1 if skips else None,
            **given,
        }
        with self.live.drawing_with(_of_kind(self.pipeline, kind)):
            try:
                output = self.live(list(request.prompts), **options)
            except StrictError as error:
                if error.result is None:
                    raise
                output = error.result
                self.lost += error.problems
        self.reports.append(self.live.report)
        return output.images

    @contextmanager
    def _sampler(self) -> Iterator[None]:
        """The sampler that is asked for, in the place of the model's own."""
        own = self.pipeline.scheduler
        if self.request.sampler:
            found = sampler_named(self.request.sampler, self.request.schedule)
            self.pipeline.scheduler = scheduler_of(own, *found)
        try:
            yield
        finally:
            self.pipeline.scheduler = own


def enlarged_size(request: GenerationRequest) -> tuple[int, int]:
    """Width and height after hires fix, in steps of 8 pixels."""
    scale = request.hires.scale if request.hires else 1.0
    width, height = (int((side or 0) * scale) // 8 * 8 for side in (request.width, request.height))
    return width, height


def _of_kind(pipeline: Any, kind: str) -> Any:
    """The same modules as another pipeline of diffusers; "" for this one."""
    if not kind:
        return pipeline
    found = getattr(diffusers, type(pipeline).__name__.replace("Pipeline", f"{kind}Pipeline"))
    if hasattr(pipeline, "text_encoder_2"):
        zeros = pipeline.config.force_zeros_for_empty_prompt
        extra = {"force_zeros_for_empty_prompt": zeros, "add_watermarker": False}
    else:
        extra = {"requires_safety_checker": False}
    made = found(**pipeline.components, **extra)
    made.set_progress_bar_config(disable=True)
    return made
