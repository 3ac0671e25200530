"""The same service as in one process, where the pictures are drawn by replicas somewhere else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import replace
from threading import Thread
from typing import Any, Protocol

from .. import prompt as language
from ..app.request import GenerationRequest, RequestError
from ..errors import LiveLoraError
from ..prompt.moved_weight import SliderKey
from .admission import QueueFull
from .jobs import DrawingJob
from .metrics import MetricFamily, ServingMetrics, merged_text
from .remote_queue import RemoteQueue
from .replica_messages import DrawingOrder, OrderAccepted, OrderRefused, ReplicaMessage

LOG = logging.getLogger(__name__)
TRIES = 2  # a job whose replica has died is drawn by another one, once
ANSWER = 60.0  # seconds for what is only looked up


class ReplicaDied(LiveLoraError):
    """The replica that was asked is no more, or cannot be reached."""


class ReplicaSet(Protocol):
    """The replicas, however they are reached; all of it from one event loop."""

    def draw(self, order: DrawingOrder) -> AsyncIterator[ReplicaMessage]:
        """One of them, the best for it. Raises ReplicaDied."""

    async def tell(self, replica: str, method: str, *values: Any) -> None:
        """That one, if it is (still) there."""

    async def ask(self, what: str) -> Any:
        """Any of them."""

    async def ask_all(self, what: str) -> list[Any]:
        """Each of them."""


class RemoteFacts:
    """What a replica says of its model and library: all have the same."""

    def __init__(self, service: RemoteService, name: str) -> None:
        self.service = service
        self.name = name

    def model(self) -> dict[str, Any]:
        return dict(self.service.ask("model"))

    def loras(self) -> list[dict[str, Any]]:
        return list(self.service.ask("loras"))

    def rescan(self) -> None:
        self.service.ask_all("rescan")

    def embeddings(self) -> dict[str, Any]:
        return dict(self.service.ask("embeddings"))


class RemoteService:
    """`PictureService` by replicas. `start` finds out what they have."""

    def __init__(self, replicas: ReplicaSet) -> None:
        self.replicas = replicas
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="replicas", daemon=True)
        self._following: dict[str, asyncio.Task[None]] = {}
        self.queue = RemoteQueue(self._tell, self._leave)

    def start(self) -> None:
        """Waits for the first replica."""
        self._thread.start()
        name = str(self._wait(self.replicas.ask("name"), None))
        self.facts = RemoteFacts(self, name)
        self.metrics = ServingMetrics(name)
        self.deaths = MetricFamily("live_lora_replica_deaths_total", "Jobs whose replica died.")
        self.metrics.families += [self.deaths]

    def close(self) -> None:
        """Ends what is under way."""
        for job in list(self.queue.jobs.values()):
            self.queue.cancel(job)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._thread.is_alive():
            self._loop.close()

    @property
    def alive(self) -> bool:
        """Whether jobs are still followed; each replica's health is Ray's to look at."""
        return self._thread.is_alive()

    def submit(
        self,
        user: str,
        request: GenerationRequest,
        *,
        priority: int = 0,
        seconds: float | None = None,
    ) -> DrawingJob:
        """As `DrawingService.submit`: returns when a replica has the job in its queue."""
        job = DrawingJob(user, request, priority=priority)
        order = DrawingOrder(job.id, user, request, priority, seconds, loras_of(request))
        self.queue.add(job)
        accepted: Future[None] = Future()
        self._call(self._begin(job, order, accepted))
        try:
            accepted.result()
        except BaseException:
            self.queue.forget(job)
            raise
        return job

    def watch(self, job: DrawingJob) -> None:
        """Previews keep coming for a while."""
        self._tell(job, "watch")

    def move(self, job: DrawingJob, moves: Mapping[SliderKey, float | None]) -> None:
        """As `DrawingService.move`; its replica hears of it a moment later."""
        job.demand_movable()
        self._tell(job, "move", moves)

    def status(self) -> dict[str, Any]:
        """Each replica's, and what is under way in all."""
        each = self.ask_all("status")
        waiting = sum(one["waiting"] for one in each)
        facts = {"model": self.facts.name, "waiting": waiting, "jobs": len(self.queue.jobs)}
        resident = sorted({name for one in each for name in one["resident"]})
        return {**facts, "resident": resident, "drawing": self.alive, "replicas": each}

    def metrics_text(self) -> str:
        """Ours and each replica's."""
        return merged_text([self.metrics.text(), *self.ask_all("metrics")])

    def ask(self, what: str) -> Any:
        """Any replica."""
        return self._wait(self.replicas.ask(what))

    def ask_all(self, what: str) -> list[Any]:
        """Each replica."""
        return list(self._wait(self.replicas.ask_all(what)))

    async def _begin(self, job: DrawingJob, order: DrawingOrder, accepted: Future[None]) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._following[job.id] = task
        try:
            await self._follow(job, order, accepted)
        except asyncio.CancelledError:
            self.queue.fail(job, "the request was cancelled")
        except Exception as error:
            LOG.exception("a job could not be followed")
            self.queue.fail(job, f"{type(error).__name__}: {error}")
        finally:
            del self._following[job.id]
            if not accepted.done():
                accepted.set_result(None)

    async def _follow(self, job: DrawingJob, order: DrawingOrder, accepted: Future[None]) -> None:
        reason = "its replica has ended without an answer"
        for left in reversed(range(TRIES)):
            try:
                async for message in self.replicas.draw(order):
                    self._hear(job, message, accepted)
                break
            except ReplicaDied as error:
                self.deaths.add()
                reason = str(error)
                LOG.warning("a replica died with job %s: %s", job.id, reason)
                if left and not job.over:
                    self.queue.begin_again(job)
                    order = again(order, job)
        self.queue.fail(job, reason)

    def _hear(self, job: DrawingJob, message: ReplicaMessage, accepted: Future[None]) -> None:
        if isinstance(message, OrderRefused):
            error = QueueFull(message.reason, message.retry_after)
            refused = error if message.kind == "full" else RequestError(message.reason)
            if accepted.done():  # by the second replica, after the first one died
                self.queue.fail(job, str(refused))
            else:
                accepted.set_exception(refused)
                self.queue.forget(job)
        elif isinstance(message, OrderAccepted):
            self.queue.accepted(job, message)
            if not accepted.done():
                accepted.set_result(None)
        else:
            self.queue.seen(job, message)

    def _tell(self, job: DrawingJob, method: str, *values: Any) -> None:
        """The job's replica; nobody waits for it."""
        replica = self.queue.replica_of(job)
        if replica:
            self._call(self.replicas.tell(replica, method, job.id, *values))

    def _leave(self, job: DrawingJob) -> None:
        def leave() -> None:
            if job.id in self._following:
                self._following[job.id].cancel()

        self._loop.call_soon_threadsafe(leave)

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def _wait(self, coroutine: Coroutine[Any, Any, Any], seconds: float | None = ANSWER) -> Any:
        return self._call(coroutine).result(seconds)


def again(order: DrawingOrder, job: DrawingJob) -> DrawingOrder:
    """The same pictures for another replica, in the time that is left."""
    if not job.tasks:  # it had not been accepted
        return order
    left = max(1.0, job.deadline - time.monotonic())
    return replace(order, request=job.request, seconds=left)


def loras_of(request: GenerationRequest) -> frozenset[str]:
    """The names in its prompts' tags."""
    texts = {*request.prompts, *request.negatives}
    return frozenset(tag.name for text in texts for tag in language.parse(text).loras)
