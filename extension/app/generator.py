"""Draws with one model and a library of LoRAs: what the page and the command line share."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from threading import Event, Lock
from typing import Any

from .. import prompt as language
from ..browser.measured_shelf import MeasuredShelf
from ..errors import LiveLoraError
from ..hosts.attach import attach
from ..library.catalog import Catalog
from ..library.lora_file import LoraFile
from ..library.mask_pictures import MaskPictures
from ..prompt import Tag, sweeps
from ..prompt.words.word_lines import most_tokens, word_lines
from ..session.moving_jobs import MovingJobs
from ..session.report import Report, StrictError
from ..session.sliders import Sliders
from ..session.static_effect import static_effect
from .drawing_passes import DrawingPasses
from .load_model import Checkpoint
from .moved_request import as_moved
from .odd_sizes import fit_after_convolving
from .png_parameters import infotext
from .preview_decoder import PreviewDecoder
from .request import GenerationRequest, GenerationResult, RequestError, StepPreview
from .samplers import with_known_samplers
from .turns import InOrder, Turns

LARGEST_SEED = 2**32 - 1
GRID = 8  # diffusers draws multiples of this many pixels only


class Generator:
    """One model, one picture (or batch) at a time."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        catalog: Catalog,
        drawn: Callable[[GenerationResult], None] = lambda result: None,
        **options: Any,
    ) -> None:
        """`drawn` is told every result; `options` are those of `attach`, such as `strict`."""
        self.checkpoint = checkpoint
        self.catalog = catalog
        self.drawn = drawn
        fit_after_convolving(checkpoint.pipeline.unet)
        self.live = attach(checkpoint.pipeline, library=catalog, **options)
        self.live.counts_use = False  # a picture may take several passes: it is counted here
        self.moving = MovingJobs()
        self.measured = MeasuredShelf()
        self.one_at_a_time = Lock()
        self.turns: Turns = InOrder()
        self._chunking = self.live.chunking()

    def draw(
        self,
        request: GenerationRequest,
        watch: Callable[[StepPreview], None] | None = None,
        stop: Event | None = None,
        sliders: Sliders | None = None,
        job: str | None = None,
        user: str = "",
    ) -> GenerationResult:
        """Draws the pictures; `stop`, once it is set, ends the drawing after its present step.

        What is moved of `sliders` meanwhile acts, and stands in the result's prompts; `job` is by
        what name `moving` knows the drawing, `user` whose turn it takes.
        Raises LiveLoraError where the request cannot be followed. In strict mode it is StrictError;
        where only the drawing has shown what was lost, its `result` is the GenerationResult.
        """
        stop = stop or Event()
        request = self.settled(request)
        with self.turns(user, request, stop), self.one_at_a_time, self.moving.drawing(job, sliders):
            step_end = self._follow(watch, stop)
            passes = DrawingPasses(
                self.live, self.checkpoint.pipeline, request, step_end, stop.is_set, sliders
            )
            images, report = passes.images(), passes.report
            request = passes.records.capped(request)
            request = request if sliders is None else as_moved(request, sliders)
            for index, image in enumerate(images):
                image.info["parameters"] = self.infotext_of(request, index, report)
            self.catalog.drawn(report.drawn_with)
            measured = passes.records.measured if request.measure else ()
            result = GenerationResult(tuple(images), request, report, stop.is_set(), measured)
            self.drawn(result)
            if passes.lost:
                raise StrictError(passes.lost, result)
            return result

    @property
    def example(self) -> str:
        """A prompt to begin with; without its LoRAs where the library has other ones."""
        prompt = language.parse(self.checkpoint.example)
        try:
            for tag in prompt.tags:
                self.catalog.find(tag.name)
        except LiveLoraError:
            return prompt.text.strip()
        return prompt.source

    def prefetch(self, tags: Iterable[Tag]) -> None:
        """Reads the files of tags to come; waits for nothing."""
        if self.live.core is not None:
            self.live.core.prefetch(tags)

    def tokens(self, text: str) -> tuple[int, int]:
        """How many tokens a prompt has (its longest text), and how many would be as cheap."""
        return most_tokens(word_lines(language.parse(text).text, 20, chunking=self._chunking))

    @property
    def mask_pictures(self) -> MaskPictures:
        """Those that `mask=` can name."""
        core = self.live.core
        return MaskPictures(core.options.masks if core else ())

    def effect_of(self, files: Sequence[LoraFile]) -> dict[str, Any] | None:
        """Their ΔW against the model's W, block by block; None while a picture is drawn."""
        core = self.live.core
        if core is None or not self.one_at_a_time.acquire(blocking=False):
            return None
        try:
            return static_effect(core, files)
        finally:
            self.one_at_a_time.release()

    def is_drawing(self) -> bool:
        """At this moment."""
        return self.one_at_a_time.locked()

    def settled(self, request: GenerationRequest) -> GenerationRequest:
        """The request with what was left open: seed, size, and each picture's value of a sweep."""
        width, height = self.checkpoint.size
        if request.seed is not None and not 0 <= request.seed <= LARGEST_SEED:
            raise RequestError(f"seed {request.seed}: give one from 0 to {LARGEST_SEED}")
        request = with_known_samplers(request)
        parsed = [language.parse(one) for one in request.prompts]
        values = [", ".join(sweeps.values_of_picture(one, i)) for i, one in enumerate(parsed)]
        return replace(
            request,
            differences=tuple(values) if any(values) else (),
            prompts=tuple(sweeps.prompt_of_picture(one, index) for index, one in enumerate(parsed)),
            same_seed=request.same_seed or any(map(sweeps.same_seed, parsed)),
            seed=random.randint(0, LARGEST_SEED) if request.seed is None else request.seed,
            guidance=self.checkpoint.guidance if request.guidance is None else request.guidance,
            width=on_grid(request.width or width),
            height=on_grid(request.height or height),
        )

    def infotext_of(self, request: GenerationRequest, index: int, report: Report) -> str:
        """What one of a settled request's pictures was drawn with, as the webui writes it."""
        used = self.live.used_embeddings
        files = {one.name: one for one in self.live.embeddings.files if one.name in used}
        inversions = {name: file.shorthash() for name, file in files.items()}
        drawn = language.parse(request.prompts[index]), language.parse(request.negatives[index])
        named = {tag.region.name for one in drawn for tag in one.tags if tag.region}
        masks = {name: used for name, used in self.live.masks.items() if name in named}
        return infotext(self.checkpoint, self.catalog, request, index, report, inversions, masks)

    def _follow(
        self, watch: Callable[[StepPreview], None] | None, stop: Event
    ) -> Callable[..., dict[str, Any]]:
        preview = PreviewDecoder(self.checkpoint.pipeline)

        def step_end(pipeline: Any, index: int, _: Any, values: dict[str, Any]) -> dict[str, Any]:
            if stop.is_set():
                pipeline._interrupt = True  # diffusers' own way to end early
            elif watch is not None:
                found = getattr(pipeline.scheduler, "denoised", None)
                look = preview(values["latents"] if found is None else found)
                watch(StepPreview(index + 1, pipeline.num_timesteps, look))
            return {}

        return step_end


def on_grid(pixels: int) -> int:
    """The nearest size that can be drawn."""
    return max(GRID, round(pixels / GRID) * GRID)
