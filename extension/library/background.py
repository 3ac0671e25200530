"""A thread that looks at the library while nobody waits for it: the one reader there is.

First what a list shows of each file, then, file by file, every key and the hashes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import FileError

if TYPE_CHECKING:
    from .catalog import Catalog
    from .lora_file import LoraFile

PAUSE = 5.0  # seconds between looks at whether there is something new, at least
SHARE = 0.02  # of the time, at most, for looks at files that nobody has in sight
CHECK_SHARE = 0.25  # of the time for the second look at files


class Background:
    """Learns about every file of a catalog between `start()` and `stop()`.

    It waits while `busy()`, so that it takes neither disk nor processor from a generation.
    """

    def __init__(self, catalog: Catalog, busy: Callable[[], bool] = lambda: False) -> None:
        self._catalog = catalog
        self._busy = busy
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failed: set[tuple[str, int, int]] = set()
        self._next_look = 0.0  # on the monotonic clock

    def start(self) -> None:
        """Begins; a second call changes nothing."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="live-lora library", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends within a fraction of a second; what was learned is kept."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            self._catalog.news.set()
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.once()
            if self._catalog.news.wait(max(0.01, self._next_look - time.monotonic())):
                self._catalog.read_all(self._may_go_on)

    def once(self) -> None:
        """One round over what is not known yet, new files included."""
        self._look()
        for entry in self._catalog.entries:
            if not self._may_go_on():
                return
            if time.monotonic() > self._next_look:
                self._look()
            elif self._catalog.news.is_set():
                self._catalog.read_all(self._may_go_on)
            self._check(entry)
            self._hash(entry)
        self._catalog.facts.flush()

    def _look(self) -> None:
        """Which files there are, and what a list shows of them."""
        if not self._may_go_on():
            return
        began = time.monotonic()
        self._catalog.scan()
        took = time.monotonic() - began
        self._catalog.read_all(self._may_go_on)
        self._next_look = time.monotonic() + max(PAUSE, took / SHARE)

    def _check(self, entry: LoraFile) -> None:
        """The second look, a few at a time: a list is of use without."""
        known = self._catalog.facts.known_summary(entry)
        if known is None or known.checked or known.error:
            return
        began = time.monotonic()
        self._catalog.facts.check(entry)
        self._stop.wait((time.monotonic() - began) * (1 / CHECK_SHARE - 1))

    def _hash(self, entry: LoraFile) -> None:
        facts = self._catalog.facts
        if entry.identity in self._failed or facts.known_hashes(entry) is not None:
            return
        try:
            facts.hashes(entry, self._stop.is_set)
        except FileError:
            if not self._stop.is_set():
                self._failed.add(entry.identity)

    def _may_go_on(self) -> bool:
        while not self._stop.is_set() and self._busy():
            self._stop.wait(0.5)
        return not self._stop.is_set()
