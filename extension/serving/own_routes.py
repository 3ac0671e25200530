"""`/live-lora/v1/…`: submit, watch, fetch and cancel jobs; each picture has its report."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from ..app.pictures import png
from ..app.request import GenerationRequest, HiresFix, RequestError, StartingPicture
from ..encoding.settings import EmphasisMode
from ..prompt.moved_weight import SliderKey
from ..records import Side
from ..session.sliders import MOST, MOST_MOVES
from .job_watching import events_of, summary_of
from .jobs import DrawingJob, TaskState
from .kept_jobs import KeptJobs
from .picture_service import PictureService
from .webui_routes import ServiceCallback
from .webui_translation import picture_of

PREFIX = "/live-lora/v1"


class HiresWish(BaseModel):
    """A second pass on the enlarged picture."""

    model_config = ConfigDict(extra="forbid")

    scale: float = Field(2.0, ge=1, le=8)
    strength: float = Field(0.7, ge=0, le=1)
    steps: int | None = Field(None, ge=1)
    upscaler: str = "Latent"


class JobWish(BaseModel):
    """What to draw: a picture for each of `prompts`; those of one request have one size."""

    model_config = ConfigDict(extra="forbid")

    prompts: list[str] = Field(min_length=1)
    negatives: list[str] = Field([], description="none, one for all, or one for each prompt")
    seeds: list[int] = Field([], description="one for each prompt; else `seed`, seed + 1, …")
    seed: int | None = Field(None, ge=0)
    steps: int = Field(20, ge=1)
    width: int | None = Field(None, ge=8)
    height: int | None = Field(None, ge=8)
    guidance: float | None = Field(None, ge=0)
    sampler: str = ""
    schedule: str = ""
    emphasis: EmphasisMode = "Original"
    clip_skip: int = Field(1, ge=1, le=12)
    hires: HiresWish | None = None
    image: str | None = Field(None, description="a picture to begin with, in base64")
    mask: str | None = Field(None, description="white is drawn anew, in base64")
    strength: float = Field(0.75, ge=0, le=1)
    measure: bool = Field(False, description="each result says how strongly each LoRA acted")
    movable: bool = Field(False, description="drawn by itself; `weights` may change meanwhile")
    priority: int = Field(0, ge=-10, le=10)
    seconds: float | None = Field(None, gt=0, description="the most it may take, waiting included")

    def request(self) -> GenerationRequest:
        """As the generator takes it. RequestError."""
        count, negatives = len(self.prompts), self.negatives
        if len(negatives) not in (0, 1, count) or len(self.seeds) not in (0, count):
            raise RequestError(f"{count} prompts need as many negatives and seeds, or one, or none")
        request = GenerationRequest(
            tuple(self.prompts),
            negatives[0] if len(negatives) == 1 else "",
            own_negatives=tuple(negatives) if len(negatives) == count else (),
            own_seeds=tuple(self.seeds),
            **{name: getattr(self, name) for name in SAME},
            hires=HiresFix(**self.hires.model_dump()) if self.hires else None,
        )
        if self.image is None:
            return request
        mask = None if self.mask is None else picture_of("mask", self.mask)
        start = StartingPicture(picture_of("image", self.image), mask, self.strength)
        return replace(request, start=start)


SAME = (
    *("steps", "seed", "width", "height", "guidance"),
    *("sampler", "schedule", "emphasis", "clip_skip", "measure", "movable"),
)


class WeightMove(BaseModel):
    """The n-th tag of that name on that side of every prompt; null is what the tag says."""

    model_config = ConfigDict(extra="forbid")

    name: str
    value: float | None = Field(ge=-MOST, le=MOST)
    side: Side = "cond"
    number: int = Field(0, ge=0)


Moves = Annotated[list[WeightMove], Field(min_length=1, max_length=MOST_MOVES)]


def own_router(service_of: ServiceCallback, kept: KeptJobs) -> APIRouter:
    """The routes; a job is there for who submitted it, and for nobody else."""
    routes = APIRouter(prefix=PREFIX)
    _add_submitting(routes, service_of, kept)
    _add_fetching(routes, service_of, kept)

    @routes.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> PlainTextResponse:
        """For Prometheus."""
        text = service_of().metrics_text()
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    return routes


def _add_submitting(routes: APIRouter, service_of: ServiceCallback, kept: KeptJobs) -> None:
    @routes.post("/jobs", status_code=202)
    async def submit(request: Request, wish: JobWish) -> dict[str, Any]:
        """The job waits from now on."""
        service = service_of()
        wanted = await run_in_threadpool(wish.request)
        job = await run_in_threadpool(
            lambda: service.submit(
                request.state.user, wanted, priority=wish.priority, seconds=wish.seconds
            )
        )
        kept.add(job)
        return summary_of(service, job)

    @routes.get("/jobs/{id}")
    def job_of(request: Request, id: str) -> dict[str, Any]:
        """Where it stands; reports, seeds and infotexts of pictures that are done."""
        service, job = service_of(), _job(request, kept, id)
        return {**summary_of(service, job), "results": [_result(job, i) for i in _done(job)]}

    @routes.post("/jobs/{id}/weights")
    def move(request: Request, id: str, moves: Moves) -> dict[str, Any]:
        """The weights of a movable job from its next step on; the infotext of its pictures says
        what acted when. 409 where it is over."""
        service, job = service_of(), _job(request, kept, id)
        service.move(job, {SliderKey(one.side, one.name, one.number): one.value for one in moves})
        return summary_of(service, job)

    @routes.delete("/jobs/{id}")
    def cancel(request: Request, id: str) -> dict[str, Any]:
        """Nobody wants it any more, at whatever stage it is."""
        service, job = service_of(), _job(request, kept, id)
        service.queue.cancel(job)
        return summary_of(service, job)


def _add_fetching(routes: APIRouter, service_of: ServiceCallback, kept: KeptJobs) -> None:
    @routes.get("/jobs/{id}/events")
    def events(request: Request, id: str, previews: bool = False) -> StreamingResponse:
        """Server-sent events, with previews (JPEG in base64) if they are asked for."""
        job = _job(request, kept, id)
        stream: AsyncIterator[str] = events_of(service_of(), job, previews)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    @routes.get("/jobs/{id}/pictures/{index}")
    def picture(request: Request, id: str, index: int) -> Response:
        """The PNG, with its infotext."""
        job = _job(request, kept, id)
        if index not in _done(job):
            raise HTTPException(404, "this picture is not there (yet)")
        headers = {"Cache-Control": "private"}
        return Response(png(job.tasks[index].result.image), media_type="image/png", headers=headers)


def _job(request: Request, kept: KeptJobs, id: str) -> DrawingJob:
    job = kept.get(id)
    if job is None or job.user != request.state.user:
        raise HTTPException(404, "there is no such job, or it was forgotten")
    return job


def _done(job: DrawingJob) -> list[int]:
    return [task.index for task in job.tasks if task.state is TaskState.DONE]


def _result(job: DrawingJob, index: int) -> dict[str, Any]:
    return {"index": index, **job.tasks[index].result.facts}


def status_of(service: PictureService | None, phase: str, since: float) -> dict[str, Any]:
    """How the server is, at its start as well."""
    facts: dict[str, Any] = {"phase": phase, "seconds": round(time.monotonic() - since, 1)}
    return facts if service is None else {**facts, **service.status()}
