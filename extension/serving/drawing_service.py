"""One model for many users: requests in, jobs out; a thread draws, others read LoRAs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

from ..app.generator import Generator
from ..app.request import GenerationRequest
from ..prompt.moved_weight import SliderKey
from ..session.sliders import Sliders
from .admission import QueueLimits, WorkRate
from .batch_limits import BatchLimits
from .jobs import DrawingJob, DrawingTurn, PictureTask, TaskState
from .lora_fetching import LoraFetching
from .lora_loading import LoraLoading
from .lora_source import LoraSource
from .metrics import ServingMetrics
from .mixed_drawing import BatchFacts, MixedDrawer
from .mixing import kind_of, pixels_of, work_of
from .model_facts import ModelFacts
from .picture_queue import PictureQueue
from .request_limits import RequestLimits, texts_of

LOG = logging.getLogger(__name__)
PRIORITIES = (-10, 10)
PREVIEWS = 5.0  # seconds that one look at previews keeps them coming


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """Of a request, of the queue, and of a batch."""

    request: RequestLimits = field(default_factory=RequestLimits)
    queue: QueueLimits = field(default_factory=QueueLimits)
    batch: BatchLimits = field(default_factory=BatchLimits)
    linger: float = 0.02  # seconds that a batch with room waits for company


class DrawingService:
    """Draws for everybody with one generator, which nobody else draws with."""

    def __init__(
        self,
        generator: Generator,
        limits: ServiceLimits | None = None,
        model_file: str = "",
        source: LoraSource | None = None,
    ) -> None:
        """`model_file` is what clients are told of where the model is. `source` has further LoRAs,
        which come to its folder, one of the generator's library, when they are wanted."""
        self.generator = generator
        self.facts = ModelFacts(generator, model_file, source)
        self.limits = limits or ServiceLimits()
        self.metrics = ServingMetrics(generator.checkpoint.name)
        self.queue = PictureQueue(
            self.limits.queue, self.limits.batch, self.limits.linger, ended=self._ended
        )
        core = generator.live.core
        assert core is not None
        # Pictures a second, and files a second.
        self.drawn_rate, self.read_rate = WorkRate(), WorkRate()
        self.loading = LoraLoading(core, self.queue.ready, self._read)
        self.fetching = LoraFetching(source, self._here) if source else None
        self.drawer = MixedDrawer(generator, self.queue, self._measured)
        gauge = self.metrics.gauge
        gauge("queue_pictures", "Pictures that wait.", lambda: len(self.queue.waiting()))
        gauge("cache_bytes", "LoRAs in memory.", lambda: sum(b.size for b in core.cache))
        gauge("cache_loras", "LoRAs in memory.", lambda: len(list(core.cache)))
        self._thread = Thread(target=self._draw, name="drawing", daemon=True)

    def start(self) -> None:
        """Begins to draw what is asked for."""
        self._thread.start()

    def close(self) -> None:
        """Takes no more, ends what is drawn after its present step, and lets go of the rest."""
        self.queue.close()
        for job in list(self.queue.jobs.values()):
            self.queue.cancel(job)
        if self.fetching is not None:
            self.fetching.close()
        self.loading.close()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether there is still somebody who draws."""
        return self._thread.is_alive()

    def submit(
        self,
        user: str,
        request: GenerationRequest,
        *,
        priority: int = 0,
        seconds: float | None = None,
        id: str | None = None,
    ) -> DrawingJob:
        """The job, which waits from now on; it may be cancelled at any time.

        Raises RequestError for what cannot be drawn, or is more than the limits allow; QueueFull.
        """
        self.limits.request.demand_readable(request)
        request = self.generator.settled(request)
        self.limits.request.demand(request)
        least, most = PRIORITIES
        limit = min(seconds or self.limits.request.seconds, self.limits.request.seconds)
        job = DrawingJob(
            user,
            request,
            priority=max(least, min(most, priority)),
            deadline=time.monotonic() + limit,
        )
        job.id = id or job.id
        kind, pixels, work = kind_of(request), pixels_of(request), work_of(request)
        if request.movable:  # by itself: its sliders are nobody else's
            kind, job.sliders = (kind, job.id), Sliders()
        for _ in request.prompts:
            job.add(kind, pixels, work)
        self._wait(job)
        return job

    def wait_turn(
        self,
        user: str,
        request: GenerationRequest,
        turn: DrawingTurn,
        deadline: float,
        changed: Callable[[DrawingJob], None],
    ) -> DrawingJob:
        """The job of a settled request, which waits for its turn; then it has the generator to
        itself until `turn` has ended. Raises QueueFull."""
        job = DrawingJob(user, request, deadline=deadline, turn=turn, listeners=[changed])
        job.add(job.id, pixels_of(request), work_of(request) * len(request.prompts))
        self._wait(job)
        return job

    def watch(self, job: DrawingJob) -> None:
        """Somebody looks at the job's previews: they keep coming for a while."""
        job.watched_until = time.monotonic() + PREVIEWS

    def move(self, job: DrawingJob, moves: Mapping[SliderKey, float | None]) -> None:
        """From its next step on these are the job's weights; None is what the tag says.

        Raises StateError where it is over or not movable; ValueError for what is no weight.
        """
        job.demand_movable()
        if job.sliders is not None:
            job.sliders.move(moves)

    def status(self) -> dict[str, Any]:
        """What waits, and what is in memory."""
        return {
            "model": self.facts.name,
            "waiting": len(self.queue.waiting()),
            "jobs": len(self.queue.jobs),
            "resident": self.loading.resident,
            "drawing": self.alive,
        }

    def metrics_text(self) -> str:
        """What Prometheus reads."""
        return self.metrics.text()

    def _wait(self, job: DrawingJob) -> None:
        """In the queue; what it needs is read meanwhile."""
        self.queue.submit(job)
        (self.fetching or self.loading).want(job, texts_of(job.request))
        if job.over:  # cancelled, or out of time, before its LoRAs were wanted
            self._release(job)

    def _draw(self) -> None:
        while not self.queue.closed:
            batch = self.queue.take()
            try:
                self.metrics.waited(batch)
                self._carry_out(batch)
            except Exception as error:  # a fault of ours: it must not silence the server
                LOG.exception("a batch failed")
                self._give_up(batch, error)

    def _carry_out(self, batch: Sequence[PictureTask]) -> None:
        turn = batch[0].job.turn if batch else None
        if turn is None:
            with self.generator.one_at_a_time:
                self.drawer.draw(batch)
        else:  # whoever waits for it draws
            turn.begun.set()
            turn.ended.wait()

    def _give_up(self, batch: Sequence[PictureTask], error: Exception) -> None:
        for task in batch:
            if task.state is TaskState.DRAWING:
                self.queue.fail(task, f"{type(error).__name__}: {error}")

    def _here(self, job: DrawingJob, texts: Collection[str]) -> None:
        """Its files are on this machine."""
        self.loading.want(job, texts)
        if job.over:
            self.loading.release(job)

    def _release(self, job: DrawingJob) -> None:
        if self.fetching is not None:
            self.fetching.release(job)
        self.loading.release(job)

    def _ended(self, job: DrawingJob) -> None:
        self._release(job)
        self.metrics.ended(job)
        seconds = (job.ended or 0.0) - job.created
        waited = (job.started or job.ended or 0.0) - job.created
        facts = {"user": job.user, "job": job.id, "state": job.state.value}
        times = {"seconds": round(seconds, 3), "queue_seconds": round(waited, 3)}
        LOG.info("job", extra={"facts": {**facts, **times, "pictures": len(job.tasks)}})

    def _read(self, name: str, seconds: float | None) -> None:
        self.metrics.lora(name, seconds)
        if seconds is not None:
            self.read_rate.measured(1, seconds)

    def _measured(self, facts: BatchFacts) -> None:
        self.drawn_rate.measured(facts.pictures, facts.seconds)
        self.metrics.batch(facts.pictures, self.limits.batch.pictures, facts.steps)
