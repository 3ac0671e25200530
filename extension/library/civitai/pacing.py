"""How often a site is asked: once a second, and later where it says so."""

from __future__ import annotations

import email.utils
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone

from .transport import Stopped, Stopping

EVERY = 1.0  # seconds; no site of this kind says how many requests it allows
TRIES = 3
FIRST_PAUSE = 1.0  # seconds before the second try, doubled for the third
LONGEST_PAUSE = 120.0  # seconds; who wants a longer one is asked another day


class Pace:
    """The time between requests to one site. Threads may share it.

    Args:
        clock, sleep: of `time`, for tests.
    """

    def __init__(
        self,
        every: float = EVERY,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._every = every
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, stopped: Stopped = lambda: False) -> None:
        """Returns when the next request may go out. Stopping once `stopped()`."""
        with self._lock:
            at = max(self._next, self._clock())
            self._next = at + self._every
        self._until(at, stopped)

    def pause(self, seconds: float, stopped: Stopped = lambda: False) -> None:
        """Nobody asks for this long."""
        with self._lock:
            at = self._next = max(self._next, self._clock() + seconds)
        self._until(at, stopped)

    def _until(self, at: float, stopped: Stopped) -> None:
        while (left := at - self._clock()) > 0:
            if stopped():
                raise Stopping
            self._sleep(min(left, 0.25))
        if stopped():
            raise Stopping


def seconds_of(retry_after: str | None) -> float | None:
    """A Retry-After header: seconds, or a date; None for what is neither."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        at = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone.utc)
    return max(0.0, (at - datetime.now(timezone.utc)).total_seconds())
