"""What the HTTP routes ask for: a queue in this process, or one in each of several replicas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..app.request import GenerationRequest
from ..prompt.moved_weight import SliderKey
from .jobs import DrawingJob
from .metrics import ServingMetrics


class JobQueue(Protocol):
    """Jobs that are not over, and what may be done to them."""

    @property
    def jobs(self) -> Mapping[str, DrawingJob]: ...

    def jobs_of(self, user: str) -> list[DrawingJob]: ...

    def place_of(self, job: DrawingJob) -> int | None: ...

    def cancel(self, job: DrawingJob) -> None: ...

    def interrupt(self, job: DrawingJob, *, waiting: bool = True) -> None: ...

    def expire(self) -> None: ...


class ServedFacts(Protocol):
    """What there is, as JSON."""

    @property
    def name(self) -> str: ...

    def model(self) -> dict[str, Any]: ...

    def loras(self) -> list[dict[str, Any]]: ...

    def rescan(self) -> None: ...

    def embeddings(self) -> dict[str, Any]: ...


class PictureService(Protocol):
    """Draws for everybody."""

    @property
    def queue(self) -> JobQueue: ...

    @property
    def facts(self) -> ServedFacts: ...

    @property
    def metrics(self) -> ServingMetrics: ...

    @property
    def alive(self) -> bool: ...

    def submit(
        self,
        user: str,
        request: GenerationRequest,
        *,
        priority: int = 0,
        seconds: float | None = None,
    ) -> DrawingJob: ...

    def watch(self, job: DrawingJob) -> None: ...

    def move(self, job: DrawingJob, moves: Mapping[SliderKey, float | None]) -> None: ...

    def status(self) -> dict[str, Any]: ...

    def metrics_text(self) -> str: ...

    def close(self) -> None: ...
