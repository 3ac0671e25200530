"""One replica: a single server's queue, driven by orders in place of HTTP requests."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..app.request import RequestError
from ..errors import StateError
from ..prompt.moved_weight import SliderKey
from .admission import QueueFull
from .drawing_service import DrawingService
from .job_watching import JobChanges
from .jobs import DrawingJob, TaskState
from .replica_messages import (
    ArrivedPicture,
    DrawingOrder,
    JobLook,
    OrderAccepted,
    OrderRefused,
    ReplicaMessage,
    TaskLook,
)

PACE = 0.05  # seconds between two looks: a step may take a millisecond


class ModelReplica:
    """Draws orders with the queue of one process. `id` tells it from the others."""

    def __init__(self, service: DrawingService, id: str) -> None:
        self.service = service
        self.id = id
        service.metrics.more["replica"] = id

    async def draw(self, order: DrawingOrder) -> AsyncIterator[ReplicaMessage]:
        """The whole life of a job; whoever stops listening has cancelled it."""
        queue, begin = self.service.queue, time.monotonic()
        try:
            job = await asyncio.to_thread(
                self.service.submit,
                *(order.user, order.request),
                priority=order.priority,
                seconds=order.seconds,
                id=order.job,
            )
        except RequestError as error:
            yield OrderRefused("request", str(error))
            return
        except QueueFull as error:
            yield OrderRefused("full", error.reason, error.retry_after)
            return
        try:
            settled = replace(job.request, start=None)
            costs = [(task.pixels, task.work) for task in job.tasks]
            yield OrderAccepted(self.id, settled, costs, job.deadline - begin)
            async for look in self._looks(job):
                yield look
        finally:
            if not job.over:
                queue.cancel(job)

    async def _looks(self, job: DrawingJob) -> AsyncIterator[JobLook]:
        sent: set[int] = set()
        shown: dict[int, Any] = {}
        with JobChanges(job) as changes:
            over = False
            while not over:
                over = job.over
                yield self._look(job, sent, shown)
                if not over:
                    await changes.wait(10.0)
                    await asyncio.sleep(0 if job.over else PACE)

    def _look(self, job: DrawingJob, sent: set[int], shown: dict[int, Any]) -> JobLook:
        tasks = [TaskLook(t.state, t.step, t.steps, t.error) for t in job.tasks]
        fresh = [i for i, one in enumerate(tasks) if one.state is TaskState.DONE and i not in sent]
        sent.update(fresh)
        drawn = {index: job.tasks[index].result for index in fresh}
        pictures = {index: ArrivedPicture(one.image, one.facts) for index, one in drawn.items()}
        looks = {task.index: task.preview for task in job.tasks if task.preview is not None}
        previews = {i: look for i, look in looks.items() if shown.get(i) is not look}
        shown.update(previews)
        waits = any(one.state in (TaskState.LOADING, TaskState.READY) for one in tasks)
        return JobLook(tasks, self.service.queue.place_of(job) if waits else 0, pictures, previews)

    def interrupt(self, job: str, waiting: bool) -> None:
        """What is being drawn of a job ends as it is."""
        found = self.service.queue.jobs.get(job)
        if found is not None:
            self.service.queue.interrupt(found, waiting=waiting)

    def cancel(self, job: str) -> None:
        """Nobody wants it any more."""
        found = self.service.queue.jobs.get(job)
        if found is not None:
            self.service.queue.cancel(found)

    def watch(self, job: str) -> None:
        """Somebody looks at its previews."""
        found = self.service.queue.jobs.get(job)
        if found is not None:
            self.service.watch(found)

    def move(self, job: str, moves: Mapping[SliderKey, float | None]) -> None:
        """Its weights are these from now on."""
        found = self.service.queue.jobs.get(job)
        if found is not None:
            with suppress(StateError):  # it has come to its end meanwhile
                self.service.move(found, moves)

    def ask(self, what: str) -> Any:
        """One of the model's facts; status; metrics."""
        service = self.service
        answers: Mapping[str, Any] = {
            "name": lambda: service.facts.name,
            "model": service.facts.model,
            "loras": service.facts.loras,
            "embeddings": service.facts.embeddings,
            "rescan": service.facts.rescan,
            "status": lambda: {"replica": self.id, "process": os.getpid(), **service.status()},
            "metrics": service.metrics_text,
        }
        return answers[what]()

    def load(self) -> dict[str, Any]:
        """What a router wants to know: the LoRAs that are in memory, what waits, and the seconds
        that a picture and the reading of a LoRA take, once they were measured."""
        service = self.service
        names = {name for entry in service.loading.held for name in (entry.name, entry.alias or "")}
        times = {"picture_seconds": service.drawn_rate, "load_seconds": service.read_rate}
        return {
            "loras": sorted(names - {""}),
            "waiting": len(service.queue.waiting()),
            **{name: 1 / one.rate for name, one in times.items() if one.rate},
        }

    def demand_health(self) -> None:
        """Raises RuntimeError where nobody draws any more."""
        if not self.service.alive:
            raise RuntimeError("the thread that draws has ended")
