"""Jobs that can be fetched when they are over: the last ones, for a while."""

from __future__ import annotations

import time
from collections import OrderedDict
from threading import Lock

from .jobs import DrawingJob

MOST_PIXELS = 256 << 20  # of finished pictures: 768 MB
SECONDS = 600.0  # after its end


class KeptJobs:
    """By id."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, DrawingJob] = OrderedDict()
        self._lock = Lock()

    def add(self, job: DrawingJob) -> None:
        """Keeps it; the oldest that are over go, where there is no room."""
        with self._lock:
            self._jobs[job.id] = job
            self._forget()

    def get(self, id: str) -> DrawingJob | None:
        """The job, if it is known (still)."""
        with self._lock:
            self._forget()
            return self._jobs.get(id)

    def _forget(self) -> None:
        over = [job for job in self._jobs.values() if job.over]
        pixels = sum(task.pixels for job in over for task in job.tasks)
        for job in over:
            old = time.monotonic() - (job.ended or time.monotonic()) > SECONDS
            if not old and pixels <= MOST_PIXELS:
                break
            pixels -= sum(task.pixels for task in job.tasks)
            del self._jobs[job.id]
