"""Files read before a generation asks for them, on one thread that ends when there are no more.

A generation that begins meanwhile goes first: the thread puts down what it reads after at most one
module of a file, and takes it up again when the generation has what it needs.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """Raised by `ReadAhead.check` in the work that is to end."""


class ReadAhead(Generic[T]):
    """Does `work` for each item, in their order; `ask` never waits, and what fails is forgotten.

    Whoever needs the item later will meet the error where it can be told.
    """

    def __init__(self, work: Callable[[T], None]) -> None:
        self._work = work
        self._items: deque[T] = deque()
        self._lock = threading.Lock()
        self._free = threading.Event()  # nobody else is reading
        self._free.set()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def ask(self, items: Iterable[T]) -> None:
        """Begins, if it is not at work already; what is waiting already is not done twice."""
        with self._lock:
            waiting = list(self._items)
            self._items.extend(item for item in items if item not in waiting)
            if self._items and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live-lora-read-ahead")
                self._thread.daemon = True
                self._thread.start()

    def check(self, *_: object) -> None:
        """For the work to call now and then. Raises Stopped when it is to end."""
        if self._stopping or not self._free.is_set():
            raise Stopped

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The thread reads nothing inside, from its next `check` on."""
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    def wait(self) -> None:
        """Until all is done."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def stop(self) -> None:
        """Nothing is read any more when this returns."""
        with self._lock:
            self._items.clear()
            self._stopping = True
        self._free.set()
        self.wait()
        self._stopping = False

    def _run(self) -> None:
        while True:
            self._free.wait()
            with self._lock:
                if not self._items:
                    self._thread = None
                    return
                item = self._items.popleft()
            try:
                self._work(item)
            except Stopped:
                with self._lock:
                    if not self._stopping:
                        self._items.appendleft(item)
            except Exception:
                continue
