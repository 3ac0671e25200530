"""Waits for jobs in the event loop, while others draw them."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from .jobs import DrawingJob, TaskState
from .picture_service import PictureService

LOOK = 0.5  # seconds between two looks whether a client is still there
PREVIEW_QUALITY = 70


class JobChanges:
    """Told from other threads that a job has changed: `async with` it, and wait."""

    def __init__(self, job: DrawingJob) -> None:
        self.job = job
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> JobChanges:
        self.job.listeners.append(self._tell)
        return self

    def __exit__(self, *failure: object) -> None:
        self.job.listeners.remove(self._tell)

    def _tell(self, job: DrawingJob) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    async def wait(self, seconds: float) -> None:
        """Until it has changed, or the time is over."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except asyncio.TimeoutError:
            return
        self._changed.clear()


async def until_over(request: Request, service: PictureService, job: DrawingJob) -> bool:
    """Whether the job came to its end; False where its client has left, which cancels it."""
    try:
        with JobChanges(job) as changes:
            while not job.over:
                if await request.is_disconnected():
                    return False
                await changes.wait(LOOK)
                if time.monotonic() > job.deadline:
                    await run_in_threadpool(service.queue.expire)
        return True
    finally:
        if not job.over:
            service.queue.cancel(job)


async def events_of(service: PictureService, job: DrawingJob, previews: bool) -> AsyncIterator[str]:
    """Server-sent events: `progress` whenever it changes, and in the end one `end`.

    https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    before, shown = "", [-1] * len(job.tasks)
    with JobChanges(job) as changes:
        while not job.over:
            if previews:
                service.watch(job)
            facts = summary_of(service, job)
            looks = _new_previews(job, shown) if previews else {}
            text = json.dumps({**facts, **({"previews": looks} if looks else {})})
            if text != before:
                yield _event("progress", text)
                before = text
            await changes.wait(10.0)
            if time.monotonic() > job.deadline:
                await run_in_threadpool(service.queue.expire)
    yield _event("end", json.dumps(summary_of(service, job)))


def summary_of(service: PictureService, job: DrawingJob) -> dict[str, Any]:
    """Where a job stands, picture by picture."""
    place = service.queue.place_of(job) if job.state in WAITING else None
    return {
        "id": job.id,
        "state": job.state.value,
        "progress": round(job.progress, 4),
        "before": place,  # pictures that wait and came earlier
        "pictures": [
            {
                "state": task.state.value,
                "step": task.step,
                "steps": task.steps,
                **({"error": task.error} if task.error else {}),
            }
            for task in job.tasks
        ],
    }


WAITING = (TaskState.LOADING, TaskState.READY)


def _new_previews(job: DrawingJob, shown: list[int]) -> dict[str, str]:
    found = {}
    for index, task in enumerate(job.tasks):
        look = task.preview
        if look is not None and id(look) != shown[index]:
            shown[index] = id(look)
            out = io.BytesIO()
            look.save(out, "JPEG", quality=PREVIEW_QUALITY)
            found[str(index)] = base64.b64encode(out.getvalue()).decode()
    return found


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"
