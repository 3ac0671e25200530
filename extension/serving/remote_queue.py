"""What is known here of the jobs that replicas have in their queues."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any

from .jobs import DrawingJob, TaskState
from .replica_messages import JobLook, OrderAccepted

PATIENCE = 10.0  # seconds after a job's time limit in which its replica may still say so itself
CANCELLED = "the request was cancelled"


@dataclass(slots=True)
class RemoteQueue:
    """`tell` a job's replica something, `leave` it: no longer listen, which cancels the job."""

    tell: Callable[..., None]
    leave: Callable[[DrawingJob], None]
    jobs: dict[str, DrawingJob] = field(default_factory=dict)  # those that are not over
    _replicas: dict[str, str] = field(default_factory=dict)
    _places: dict[str, int] = field(default_factory=dict)
    _lock: Any = field(default_factory=RLock)

    def add(self, job: DrawingJob) -> None:
        """It is on its way to a replica."""
        with self._lock:
            self.jobs[job.id] = job

    def forget(self, job: DrawingJob) -> None:
        """It was refused."""
        with self._lock:
            for known in (self.jobs, self._replicas, self._places):
                known.pop(job.id, None)

    def accepted(self, job: DrawingJob, told: OrderAccepted) -> None:
        """A replica has it in its queue."""
        with self._lock:
            self._replicas[job.id] = told.replica
            if job.tasks:  # a second replica has it: what is known of it stays
                return
            job.request = replace(told.request, start=job.request.start)
            job.deadline = time.monotonic() + told.seconds
            for pixels, work in told.tasks:
                job.add("", pixels, work)

    def seen(self, job: DrawingJob, look: JobLook) -> None:
        """How far it is."""
        with self._lock:
            self._places[job.id] = look.before
            for index, (task, told) in enumerate(zip(job.tasks, look.tasks, strict=True)):
                if task.state.over:
                    continue
                task.state, task.step, task.steps = told.state, told.step, told.steps
                task.error = told.error
                task.result = look.pictures.get(index)
                task.preview = None if told.state.over else look.previews.get(index, task.preview)
                if told.state is TaskState.DRAWING or task.result is not None:
                    job.started = job.started or time.monotonic()
        self._changed(job)

    def begin_again(self, job: DrawingJob) -> None:
        """Its replica has died: what is not done will be drawn by another one."""
        with self._lock:
            self._replicas.pop(job.id, None)
            job.started = None
            for task in job.tasks:
                if not task.state.over:
                    task.state, task.step, task.preview = TaskState.LOADING, 0, None
        self._changed(job)

    def fail(self, job: DrawingJob, error: str) -> None:
        """What is not over will not come."""
        self._end(job, TaskState.FAILED, error)

    def cancel(self, job: DrawingJob) -> None:
        """Nobody wants it any more."""
        self._end(job, TaskState.CANCELLED, CANCELLED)
        self.tell(job, "cancel")
        self.leave(job)

    def interrupt(self, job: DrawingJob, *, waiting: bool = True) -> None:
        """What is being drawn ends as it is; with `waiting`, the rest is taken back."""
        for task in job.tasks:
            task.stop = task.stop or task.state is TaskState.DRAWING
        self.tell(job, "interrupt", waiting)

    def expire(self) -> None:
        """Ends jobs whose replica has let their time limit pass in silence."""
        now = time.monotonic()
        with self._lock:
            late = [job for job in self.jobs.values() if job.deadline + PATIENCE <= now]
        for job in late:
            self._end(job, TaskState.EXPIRED, "its time limit is over")
            self.leave(job)

    def jobs_of(self, user: str) -> list[DrawingJob]:
        """A user's jobs that are not over, the first one first."""
        with self._lock:
            return [job for job in self.jobs.values() if job.user == user]

    def place_of(self, job: DrawingJob) -> int | None:
        """How many pictures wait in its replica that came earlier."""
        return self._places.get(job.id)

    def replica_of(self, job: DrawingJob) -> str | None:
        """Where it is drawn."""
        return self._replicas.get(job.id)

    def _end(self, job: DrawingJob, state: TaskState, error: str) -> None:
        with self._lock:
            for task in job.tasks:
                if not task.state.over:
                    task.state, task.error, task.preview = state, error, None
        self._changed(job)

    def _changed(self, job: DrawingJob) -> None:
        with self._lock:
            if job.over and self.jobs.pop(job.id, None) is not None:
                job.ended = time.monotonic()
        job.changed()
