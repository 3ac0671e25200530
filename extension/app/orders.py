"""Whose drawing is whose: Stop ends the orders of the page it stands on, and no other's."""

from __future__ import annotations

from threading import Event, Lock


class Orders:
    """The orders of each open page, from the click on Generate until their pictures are there.

    An order is the event that stops it: before its turn it is taken back, later it ends early.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, list[Event]] = {}
        self._begun: dict[str, list[Event]] = {}
        self._lock = Lock()

    def place(self, page: str) -> None:
        """A page has asked for pictures; it may have to wait for those of others."""
        with self._lock:
            self._waiting.setdefault(page, []).append(Event())

    def begin(self, page: str) -> Event:
        """The turn of the page's oldest order has come."""
        with self._lock:
            waiting = self._waiting.pop(page, [])
            stop = waiting.pop(0) if waiting else Event()
            if waiting:
                self._waiting[page] = waiting
            self._begun.setdefault(page, []).append(stop)
            return stop

    def end(self, page: str, stop: Event) -> None:
        """Its pictures are there, or it failed."""
        with self._lock:
            left = [one for one in self._begun.pop(page, []) if one is not stop]
            if left:
                self._begun[page] = left

    def stop(self, page: str) -> None:
        """Takes back what waits, and ends what is drawn after its present step."""
        with self._lock:
            for stop in (*self._waiting.get(page, ()), *self._begun.get(page, ())):
                stop.set()
