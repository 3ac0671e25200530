"""Draws a batch whose pictures are different people's: each with its own words, LoRAs and seed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from PIL.Image import Image

from ..app import latents
from ..app.drawing_passes import DrawingPasses
from ..app.generator import Generator
from ..app.moved_request import as_moved
from ..app.pass_records import PassRecords
from ..app.preview_decoder import PreviewDecoder
from ..app.request import GenerationRequest
from ..errors import LiveLoraError
from ..session.measured import MeasuredFacts
from ..session.report import Report
from .device_memory import DeviceMemory
from .jobs import PictureTask, TaskState
from .mixing import together
from .picture_queue import PictureQueue

LOG = logging.getLogger(__name__)
NO_MEMORY = "it does not fit into the memory of this device, even drawn alone"


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """One picture, its own request and report. `stopped`: its drawing was ended early.

    `batch` is how many pictures it was drawn with, itself included. `measured` says of each pass
    how strongly its LoRAs acted, where that was asked for.
    """

    image: Image
    request: GenerationRequest
    infotext: str
    report: Report
    stopped: bool
    batch: int
    measured: Sequence[MeasuredFacts] = ()

    @property
    def seed(self) -> int:
        """Its noise."""
        return self.request.seeds[0]

    @property
    def facts(self) -> dict[str, Any]:
        """All of it but the pixels, as JSON."""
        return {
            "seed": self.seed,
            "infotext": self.infotext,
            "stopped": self.stopped,
            "batch": self.batch,
            "report": self.report.as_dict(),
            **({"measured": list(self.measured)} if self.measured else {}),
        }


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """One batch, for the metrics: seconds in all and for each step."""

    pictures: int
    work: float
    seconds: float
    steps: tuple[float, ...]


class MixedDrawer:
    """Draws what the queue has put together, and tells the queue what came of each picture."""

    def __init__(
        self,
        generator: Generator,
        queue: PictureQueue,
        measured: Callable[[BatchFacts], None] = lambda facts: None,
    ) -> None:
        self.generator = generator
        self.queue = queue
        self.measured = measured
        self.memory = DeviceMemory(generator.checkpoint.pipeline.device)
        queue.batches.memory.free = self.memory.free

    def draw(self, tasks: Sequence[PictureTask]) -> None:
        """Whatever goes wrong costs the picture that it went wrong with, and no other."""
        tasks = [task for task in tasks if task.state is TaskState.DRAWING]
        if not tasks:
            return
        try:
            self._together(tasks)
        except Exception as error:
            self._after(error, [task for task in tasks if task.state is TaskState.DRAWING])

    def _after(self, error: Exception, left: Sequence[PictureTask]) -> None:
        """What failed together is drawn in halves, until it is known whose fault it is."""
        full = isinstance(error, (torch.OutOfMemoryError, MemoryError))
        if full:
            self.queue.batches.memory.too_much(sum(task.pixels for task in left))
            self.memory.release()
        if len(left) > 1:
            LOG.warning("a batch of %d pictures failed and is drawn in parts: %s", len(left), error)
            middle = len(left) // 2
            self.draw(left[:middle])
            self.draw(left[middle:])
        for task in left if len(left) == 1 else ():
            if not isinstance(error, LiveLoraError):
                LOG.error("a picture could not be drawn", exc_info=error)
            self.queue.fail(task, NO_MEMORY if full else _told(error))

    def _together(self, tasks: Sequence[PictureTask]) -> None:
        live, pipeline = self.generator.live, self.generator.checkpoint.pipeline
        request = together([task.job.request.of_picture(task.index) for task in tasks])
        following = _BatchSteps(self, tasks, 2 if request.hires else 1)
        sliders = tasks[0].job.sliders  # of all, as what can be moved is drawn by itself
        if sliders is not None:
            sliders.begin()
        passes = DrawingPasses(live, pipeline, request, following, following.all_over, sliders)
        begin = time.monotonic()
        with self.memory.measuring() as measurement:
            following.sample_memory = measurement.sample
            images = passes.images()
        report = passes.report
        measured = passes.records.measured if request.measure else ()
        for index, task in enumerate(tasks):
            if task.state is TaskState.DRAWING:
                notes = [*report.notes, *passes.notes_of(index)]
                own = replace(report, notes=notes)
                # Nothing is measured of a compiled model.
                facts = measured[index] if measured else ()
                self.finish(tasks, index, images[index], own, passes.records, facts)
        pixels, work = sum(t.pixels for t in tasks), sum(t.work for t in tasks)
        self.queue.batches.memory.measured(pixels, measurement.taken)
        seconds = time.monotonic() - begin
        if not following.all_over():
            self.queue.rate.measured(work, seconds)
        self.measured(BatchFacts(len(tasks), work, seconds, tuple(following.seconds)))

    def finish(
        self,
        tasks: Sequence[PictureTask],
        index: int,
        image: Image,
        report: Report,
        records: PassRecords | None = None,
        measured: Sequence[MeasuredFacts] = (),
    ) -> None:
        """The picture is there, whole with what its passes have shown, or ended early."""
        task, generator = tasks[index], self.generator
        request, stopped = task.job.request.of_picture(task.index), records is None
        if records is not None:
            request = records.capped(request, index)
        if task.job.sliders is not None:
            request = as_moved(request, task.job.sliders)
        own = report.of_picture(index)
        text = generator.infotext_of(request, 0, own)
        image.info["parameters"] = text
        generator.catalog.drawn(own.drawn_with)
        drawn = DrawnPicture(image, request, text, own, stopped, len(tasks), measured)
        self.queue.finish(task, drawn)


class _BatchSteps:
    """Called after each step of a batch: progress, previews, and pictures that are ended early."""

    def __init__(self, drawer: MixedDrawer, tasks: Sequence[PictureTask], passes: int) -> None:
        self.drawer = drawer
        self.tasks = tasks
        self.passes = passes
        self.preview = PreviewDecoder(drawer.generator.checkpoint.pipeline)
        self.seconds: list[float] = []
        self.sample_memory: Callable[[], None] = lambda: None
        self._before = time.monotonic()
        self._done = 0  # steps of passes that are over
        self._last = 0

    def __call__(
        self, pipeline: Any, index: int, timestep: Any, values: dict[str, Any]
    ) -> dict[str, Any]:
        now = time.monotonic()
        self.seconds.append(now - self._before)
        self._before = now
        self.sample_memory()
        self._count(pipeline, index)
        self.drawer.queue.expire()
        # What the UNet takes the picture to be by now, where the sampler says so.
        found = getattr(pipeline.scheduler, "denoised", None)
        seen = values["latents"] if found is None else found.to(values["latents"].dtype)
        self._end_early(pipeline, seen)
        if self.all_over():
            pipeline._interrupt = True  # diffusers' own way to end early
        else:
            self._look(seen)
        return {}

    def all_over(self) -> bool:
        """Nobody waits for any of them."""
        return all(task.state.over for task in self.tasks)

    def _count(self, pipeline: Any, index: int) -> None:
        if index < self._last:  # the second pass has begun
            self._done += self._last + 1
        self._last = index
        later = pipeline.num_timesteps if self.passes == 2 and not self._done else 0
        for task in self.tasks:
            task.step = self._done + index + 1
            task.steps = self._done + pipeline.num_timesteps + later
        for job in {task.job.id: task.job for task in self.tasks}.values():
            job.changed()

    def _end_early(self, pipeline: Any, values: Any) -> None:
        for index, task in enumerate(self.tasks):
            if task.stop and task.state is TaskState.DRAWING:
                (image,) = latents.decoded(pipeline, values[index : index + 1])
                report = self.drawer.generator.live.report or Report()
                self.drawer.finish(self.tasks, index, image, report)

    def _look(self, values: Any) -> None:
        """Previews of those pictures that somebody looks at."""
        rows = [i for i, task in enumerate(self.tasks) if task.job.watched and not task.state.over]
        if rows:
            looks = self.preview(values[rows])
            for row, look in zip(rows, looks, strict=False):
                self.tasks[row].preview = look


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, LiveLoraError) else f"{type(error).__name__}: {error}"
