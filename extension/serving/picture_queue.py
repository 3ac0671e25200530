"""The queue: pictures of many jobs in, batches that can be drawn at once out.

Pure bookkeeping under one lock; it knows neither torch nor HTTP.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from .admission import PATIENCE, QueueFull, QueueLimits, WorkRate
from .batch_limits import BatchLimits
from .fair_share import FairShare
from .jobs import DrawingJob, PictureTask, TaskState

AGEING = 30.0  # seconds of waiting that count as much as one step of priority


@dataclass(slots=True)
class PictureQueue:
    """Puts pictures together that fit one batch; fair between users, highest priority first.

    `linger` is how many seconds a batch that has room waits for company, from its first arrival.
    """

    limits: QueueLimits = field(default_factory=QueueLimits)
    batches: BatchLimits = field(default_factory=BatchLimits)
    linger: float = 0.0
    clock: Callable[[], float] = time.monotonic
    jobs: dict[str, DrawingJob] = field(default_factory=dict)  # those that are not over
    rate: WorkRate = field(default_factory=WorkRate)
    ended: Callable[[DrawingJob], None] = lambda job: (
        None
    )  # called once for each job, outside the lock
    closed: bool = False
    _shares: FairShare = field(default_factory=FairShare)
    _changed: threading.Condition = field(
        default_factory=lambda: threading.Condition(threading.RLock())
    )
    _count: int = 0
    _over: list[DrawingJob] = field(default_factory=list)

    def submit(self, job: DrawingJob) -> None:
        """The job waits, from now on. Raises QueueFull."""
        with self._changed:
            if self.closed:
                raise QueueFull("the server is being shut down", PATIENCE[0])
            self._demand_room(job)
            self._count += 1
            job.number = self._count
            self.jobs[job.id] = job
            self._end_where_over(job)  # one without pictures
        self._tell()

    def ready(self, job: DrawingJob) -> None:
        """All that the job needs is in memory."""
        with self._changed:
            for task in job.tasks:
                if task.state is TaskState.LOADING:
                    task.state = TaskState.READY
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> list[PictureTask]:
        """The next batch, its tasks being drawn from now on; empty where none came in time."""
        end = None if timeout is None else self.clock() + timeout
        while True:
            with self._changed:
                batch, wait = self._next()
                if batch or self.closed:
                    self._begin(batch)
                    break
                left = None if end is None else end - self.clock()
                if left is not None and left <= 0:
                    break
                known = [one for one in (wait, left) if one is not None]
                self._changed.wait(max(0.001, min(known)) if known else None)
                self._expire()
            self._tell()
        self._tell()
        return batch

    def finish(self, task: PictureTask, result: object) -> None:
        """The picture is there; nothing where the task is over already."""
        self._close([task], TaskState.DONE, result=result)

    def fail(self, task: PictureTask, error: str) -> None:
        """There will be no picture."""
        self._close([task], TaskState.FAILED, error)

    def cancel(self, job: DrawingJob) -> None:
        """Nobody wants the job's pictures any more, at whatever stage they are."""
        self._close(job.tasks, TaskState.CANCELLED, "the request was cancelled")

    def interrupt(self, job: DrawingJob, *, waiting: bool = True) -> None:
        """What is being drawn ends after its present step, as it is; with `waiting`, the rest
        is taken back."""
        with self._changed:
            for task in job.tasks:
                task.stop = task.stop or task.state is TaskState.DRAWING
        if waiting:
            queued = [t for t in job.tasks if t.state in (TaskState.LOADING, TaskState.READY)]
            self._close(queued, TaskState.CANCELLED, "the request was interrupted")

    def expire(self) -> None:
        """Ends the jobs whose time is over."""
        with self._changed:
            self._expire()
        self._tell()

    def close(self) -> None:
        """Takes no more jobs, and lets `take` return."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def waiting(self, user: str | None = None) -> list[PictureTask]:
        """The pictures that wait, of one user or of all."""
        with self._changed:
            return [
                task
                for job in self.jobs.values()
                if user in (None, job.user)
                for task in job.tasks
                if task.state in (TaskState.LOADING, TaskState.READY)
            ]

    def jobs_of(self, user: str) -> list[DrawingJob]:
        """A user's jobs that are not over, the first one first."""
        with self._changed:
            return [job for job in self.jobs.values() if job.user == user]

    def place_of(self, job: DrawingJob) -> int:
        """How many pictures wait that came earlier."""
        return sum(task.job.number < job.number for task in self.waiting())

    @property
    def retry_after(self) -> float:
        """Seconds after which a good part of what waits now will have been drawn."""
        return self.rate.patience(sum(task.work for task in self.waiting()))

    def _demand_room(self, job: DrawingJob) -> None:
        of_user, of_all = len(self.waiting(job.user)), len(self.waiting())
        if of_user + len(job.tasks) > self.limits.of_user:
            text = f"you have {of_user} pictures waiting, and {self.limits.of_user} are the most"
            raise QueueFull(text, self.retry_after)
        if of_all + len(job.tasks) > self.limits.pictures:
            raise QueueFull(f"the queue is full ({of_all} pictures)", self.retry_after)

    def _next(self) -> tuple[list[PictureTask], float | None]:
        """The batch to draw now, else in how many seconds to look again."""
        now, lines = self.clock(), self._lines()
        wait = min((job.deadline - now for job in self.jobs.values()), default=None)
        if not lines:
            return [], wait
        first = min(lines, key=lambda user: self._rank(lines[user][0], 0.0, now))
        kind = lines[first][0].kind
        room = self.batches.room(lines[first][0].pixels)
        fitting = {user: [t for t in line if t.kind == kind] for user, line in lines.items()}
        batch = list(self._picked({u: line for u, line in fitting.items() if line}, room, now))
        company = min(task.job.created for task in batch) + self.linger - now
        if len(batch) < room and company > 0:
            return [], min(company, wait or company)
        return batch, None

    def _lines(self) -> dict[str, list[PictureTask]]:
        """What could be drawn now, user by user, in each one's own order."""
        lines: dict[str, list[PictureTask]] = {}
        jobs = sorted(self.jobs.values(), key=lambda job: (-job.priority, job.number))
        for job in jobs:
            found = [task for task in job.tasks if task.state is TaskState.READY]
            if found:
                lines.setdefault(job.user, []).extend(found)
        return lines

    def _picked(
        self, lines: dict[str, list[PictureTask]], room: int, now: float
    ) -> Iterator[PictureTask]:
        """Picture by picture from whoever has had the least, this batch included."""
        given = dict.fromkeys(lines, 0.0)
        for _ in range(min(room, sum(map(len, lines.values())))):
            user = min(lines, key=lambda one: self._rank(lines[one][0], given[one], now))
            task = lines[user].pop(0)
            given[user] += task.work
            yield task
            if not lines[user]:
                del lines[user]

    def _rank(self, task: PictureTask, given: float, now: float) -> tuple[float, float, int]:
        """What comes first is least. Waiting raises the priority: nothing waits for ever."""
        age = (now - task.job.created) // AGEING
        return -task.job.priority - age, self._shares.of(task.job.user) + given, task.job.number

    def _begin(self, batch: Sequence[PictureTask]) -> None:
        now = self.clock()
        for task in batch:
            task.state = TaskState.DRAWING
            task.job.started = task.job.started or now
        self._shares.charge([(task.job.user, task.work) for task in batch])
        self._shares.keep({job.user for job in self.jobs.values()})

    def _expire(self) -> None:
        now = self.clock()
        for job in [job for job in self.jobs.values() if job.deadline <= now]:
            limit = job.deadline - job.created
            self._end(job.tasks, TaskState.EXPIRED, f"its time limit of {limit:.0f} s is over")

    def _close(
        self, tasks: Sequence[PictureTask], state: TaskState, error: str = "", result: object = None
    ) -> None:
        with self._changed:
            self._end(tasks, state, error, result)
        self._tell()

    def _end(
        self, tasks: Sequence[PictureTask], state: TaskState, error: str = "", result: object = None
    ) -> None:
        for task in tasks:
            if not task.state.over:
                task.state, task.error, task.result = state, error, result
                task.preview = None
        for job in {task.job.id: task.job for task in tasks}.values():
            self._end_where_over(job)
        self._changed.notify_all()

    def _end_where_over(self, job: DrawingJob) -> None:
        if job.over and self.jobs.pop(job.id, None) is not None:
            job.ended = self.clock()
            self._over.append(job)

    def _tell(self) -> None:
        """Listeners may ask the queue: they are called when nobody holds its lock."""
        while True:
            with self._changed:
                if not self._over:
                    return
                job = self._over.pop(0)
            self.ended(job)
            job.changed()
