"""The page draws by itself, with its previews and sliders, but in its turn of the queue."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from ..app.request import GenerationRequest, RequestError
from ..app.turns import TakenBack
from .admission import QueueFull
from .drawing_service import DrawingService
from .jobs import DrawingJob, DrawingTurn, TaskState

LOOK = 0.1  # seconds between two looks at whether somebody has clicked on Stop
LIMIT = 86_400.0  # seconds: whoever looks at a page stops its drawing when it takes too long


class PageTurns:
    """`Turns` of a generator that a service draws with as well: users are those of the queue."""

    together: int | None = None

    def __init__(self, service: DrawingService) -> None:
        self.service = service

    @contextmanager
    def __call__(self, user: str, request: GenerationRequest, stop: Event) -> Iterator[None]:
        queue, turn = self.service.queue, DrawingTurn()

        def changed(job: DrawingJob) -> None:
            if job.over and not turn.ended.is_set():  # cancelled, or the server is closing
                stop.set()

        try:
            job = self.service.wait_turn(user, request, turn, time.monotonic() + LIMIT, changed)
        except QueueFull as error:
            raise RequestError(str(error)) from error
        (task,) = job.tasks
        try:
            while not (turn.begun.wait(LOOK) or job.over):
                if stop.is_set():
                    queue.cancel(job)
            if job.over:
                taken_back = task.state is TaskState.CANCELLED
                raise TakenBack(task.error) if taken_back else RequestError(task.error)
            yield
        finally:
            turn.ended.set()
            queue.finish(task, None)
