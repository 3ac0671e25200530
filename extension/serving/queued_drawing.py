"""The page's drawings through the queue that all others go through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Any

from PIL.Image import Image

from ..app.pass_reports import merged, of_one_picture
from ..app.request import GenerationRequest, GenerationResult, StepPreview
from .drawing_service import DrawingService
from .jobs import DrawingJob, TaskState

PAGE = "the page"  # whose share of the machine its pictures are
LOOK = 0.1  # seconds between two looks whether it is to be stopped


@dataclass(slots=True)
class QueuedDrawing:
    """What `Generator.draw` does, by the queue: `generator.through = QueuedDrawing(service)`."""

    service: DrawingService

    def __call__(
        self,
        request: GenerationRequest,
        watch: Callable[[StepPreview], None] | None,
        stop: Event,
    ) -> GenerationResult:
        """Raises RequestError, QueueFull and JobFailed."""
        job = self.service.submit(PAGE, request)
        changed = Event()
        job.listeners.append(lambda _: changed.set())
        asked, step = False, 0
        while not job.over:
            self.service.watch(job)
            changed.wait(LOOK)
            changed.clear()
            if stop.is_set() and not asked:
                self.service.queue.interrupt(job)
                asked = True
            step = _show(job, step, watch)
        return _result(job)


def _show(job: DrawingJob, before: int, watch: Callable[[StepPreview], None] | None) -> int:
    """Tells of a step that is new, and gives its number."""
    task: Any = next((one for one in job.tasks if one.state is TaskState.DRAWING), job.tasks[0])
    if watch is not None and task.steps and task.step != before:
        looks: list[Image | None] = [one.preview for one in job.tasks]
        known = tuple(look for look in looks if look is not None)
        watch(StepPreview(task.step, task.steps, known if len(known) == len(looks) else ()))
    return int(task.step)


def _result(job: DrawingJob) -> GenerationResult:
    drawn = job.demand()
    reports = [of_one_picture(one.report, index) for index, one in enumerate(drawn)]
    stopped = any(one.stopped for one in drawn) or len(drawn) < len(job.tasks)
    return GenerationResult(
        tuple(one.image for one in drawn), job.request, merged(reports), stopped
    )
