"""A thread that looks at the library while nobody waits for it: first summaries, then hashes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import FileError

if TYPE_CHECKING:
    from .catalog import Catalog
    from .lora_file import LoraFile

PAUSE = 30.0  # seconds between looks at whether there is something new


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
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.once()
            self._stop.wait(PAUSE)

    def once(self) -> None:
        """One round over what is not known yet, new files included."""
        self._catalog.scan_if_changed()
        for entry in self._catalog.unread:
            if self._may_go_on():
                self._catalog.facts.summary(entry)
        for entry in self._catalog.unhashed:
            if self._may_go_on() and entry.identity not in self._failed:
                self._hash(entry)
        self._catalog.facts.flush()

    def _hash(self, entry: LoraFile) -> None:
        try:
            self._catalog.facts.hashes(entry, self._stop.is_set)
        except FileError:
            if not self._stop.is_set():
                self._failed.add(entry.identity)

    def _may_go_on(self) -> bool:
        while not self._stop.is_set() and self._busy():
            self._stop.wait(0.5)
        return not self._stop.is_set()
