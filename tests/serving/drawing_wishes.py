"""What the tests ask a service for, and wait for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from live_lora.app.request import GenerationRequest
from live_lora.serving.drawing_service import DrawingService
from live_lora.serving.jobs import DrawingJob, TaskState
from live_lora.serving.mixed_drawing import DrawnPicture


def wish(prompt: str, negative: str = "", seed: int = 7, **more: Any) -> GenerationRequest:
    usual: dict[str, Any] = {"steps": 3, "width": 64, "height": 64, "guidance": 4.0}
    return GenerationRequest((prompt,), negative, seed=seed, **usual | more)


def drawn(job: DrawingJob, seconds: float = 120) -> list[DrawnPicture]:
    """What came of it."""
    over = threading.Event()
    job.listeners.append(lambda one: over.set() if one.over else None)
    assert job.over or over.wait(seconds), job.state
    return list(job.demand())


def at_once(service: DrawingService, requests: list[GenerationRequest]) -> list[DrawnPicture]:
    """Asked for by different users while the service is busy with something else."""
    gate = held(service)
    jobs = [service.submit(f"user {i}", one) for i, one in enumerate(requests)]
    gate()
    return [picture for job in jobs for picture in drawn(job)]


def held(service: DrawingService) -> Callable[[], None]:
    """The service draws one picture and does not come to its end until it is let go.

    It is let go once the files of all who wait are there: slow reading would divide their batch.
    """
    gate, begun = threading.Event(), threading.Event()
    job = service.submit("holder", wish("hold", steps=2, guidance=1.5))

    def wait(one: DrawingJob) -> None:
        begun.set()
        gate.wait(60)

    job.listeners.append(wait)
    assert begun.wait(60)

    def let_go() -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end and any(
            task.state is TaskState.LOADING for task in service.queue.waiting()
        ):
            time.sleep(0.01)
        gate.set()

    return let_go


def pixels(picture: DrawnPicture) -> np.ndarray[Any, Any]:
    return np.asarray(picture.image, int)
