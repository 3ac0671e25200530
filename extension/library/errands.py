"""One thing at a time that a user has asked for and that takes a while, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import InternalError, LiveLoraError, StateError
from .civitai.transport import Stopping

LOG = logging.getLogger(__name__)
Tell = Callable[[Mapping[str, Any]], None]
Errand = Callable[[Callable[[], bool], Tell], Mapping[str, Any]]  # (stopped, tell) -> the result


class Errands:
    """Whether one is under way, how far it is, and what came of the last."""

    def __init__(self) -> None:
        self._state: dict[str, Any] = {"kind": None, "running": False}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def state(self) -> dict[str, Any]:
        """`kind`, `running`, what was told last, then `result`, or `error` with its `code`."""
        return dict(self._state)

    def start(self, kind: str, work: Errand) -> dict[str, Any]:
        """Begins; StateError while another is under way."""
        with self._lock:
            if self._state["running"]:
                running = self._state["kind"]
                raise StateError(f"{running} is under way: wait for it, or stop it first")
            self._stop.clear()
            self._state = {"kind": kind, "running": True}
            self._thread = threading.Thread(
                target=self._run, args=(kind, work), name=f"live-lora {kind}", daemon=True
            )
            self._thread.start()
        return self.state

    def stop(self) -> None:
        """Asks it to end, which takes a fraction of a second; what was done stays done."""
        self._stop.set()

    def join(self) -> None:
        """Waits for its end."""
        if self._thread is not None:
            self._thread.join()

    def _run(self, kind: str, work: Errand) -> None:
        end: dict[str, Any]
        try:
            end = {"result": dict(work(self._stop.is_set, self._tell))}
        except Stopping:
            end = {"error": "stopped", "code": None}
        except LiveLoraError as error:
            end = {"error": str(error), "code": error.code}
        except Exception as error:
            LOG.exception("an error in an errand")
            end = {"error": str(InternalError(error)), "code": "internal"}
        self._state = {**self._state, **end, "kind": kind, "running": False}

    def _tell(self, facts: Mapping[str, Any]) -> None:
        self._state = {**self._state, **facts}
