"""`/sdapi/v1/…`: what the webui's own clients ask, answered in its words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Body, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from ..app.infotext_reading import facts_of
from ..app.picture_text import description
from . import webui_answers as answers
from .job_watching import until_over
from .jobs import DrawingJob
from .picture_service import PictureService
from .webui_refusals import UnsupportedField
from .webui_requests import WebuiImg2Img, WebuiPngInfo, WebuiRequest, WebuiTxt2Img
from .webui_translation import is_in_force, picture_of, request_of

BODY = Body()
GONE = 499  # nginx's "client closed request": nobody reads it
ServiceCallback = Callable[[], PictureService]


def webui_router(
    service_of: ServiceCallback, options: Mapping[str, Any], flags: Mapping[str, Any]
) -> APIRouter:
    """`service_of` raises HTTPException(503) while the model is read."""
    routes = APIRouter(prefix="/sdapi/v1")
    _add_drawing(routes, service_of, options)
    _add_own_jobs(routes, service_of)
    _add_library(routes, service_of)
    _add_lists(routes)
    _add_options(routes, options, flags)
    return routes


def _add_drawing(
    routes: APIRouter, service_of: ServiceCallback, options: Mapping[str, Any]
) -> None:
    async def drawn(request: Request, asked: WebuiRequest) -> Response:
        service, user = service_of(), request.state.user
        wanted = await run_in_threadpool(request_of, asked, options)
        job = await run_in_threadpool(service.submit, user, wanted)
        if not await until_over(request, service, job):
            return Response(status_code=GONE)
        pictures = job.demand()
        model = service.facts.name
        return JSONResponse(
            await run_in_threadpool(answers.pictures_answer, asked, job, pictures, model)
        )

    @routes.post("/txt2img")
    async def txt2img(request: Request, asked: WebuiTxt2Img) -> Response:
        """Pictures from words."""
        return await drawn(request, asked)

    @routes.post("/img2img")
    async def img2img(request: Request, asked: WebuiImg2Img) -> Response:
        """Pictures from a picture."""
        if not asked.init_images:
            raise HTTPException(404, "Init image not found")
        return await drawn(request, asked)


def _add_own_jobs(routes: APIRouter, service_of: ServiceCallback) -> None:
    """What acts on the caller's own requests."""

    @routes.get("/progress")
    def progress(request: Request, skip_current_image: bool = False) -> dict[str, Any]:
        """Of the request that is being drawn, else of the one that waits the longest."""
        jobs = _jobs_of(request, service_of)
        job = next((one for one in jobs if one.started), next(iter(jobs), None))
        if job is not None and not skip_current_image:
            service_of().watch(job)
        return answers.progress_answer(job, picture=not skip_current_image)

    @routes.post("/interrupt")
    def interrupt(request: Request) -> dict[str, Any]:
        """Ends what is being drawn, as it is; where nothing is, takes back what waits."""
        jobs = _jobs_of(request, service_of)
        for job in [one for one in jobs if one.started] or jobs:
            service_of().queue.interrupt(job)
        return {}

    @routes.post("/skip")
    def skip(request: Request) -> None:
        """Ends the pictures that are being drawn, as they are, and goes on with the next."""
        for job in _jobs_of(request, service_of):
            service_of().queue.interrupt(job, waiting=False)


def _add_library(routes: APIRouter, service_of: ServiceCallback) -> None:
    @routes.get("/loras")
    def loras() -> list[dict[str, Any]]:
        """The library; paths are relative to its folders."""
        return service_of().facts.loras()

    @routes.post("/refresh-loras")
    def refresh_loras() -> None:
        """Looks at the folders again."""
        service_of().facts.rescan()

    @routes.get("/sd-models")
    def sd_models() -> list[dict[str, Any]]:
        """The one that is loaded."""
        return [service_of().facts.model()]

    @routes.post("/refresh-checkpoints")
    def refresh_checkpoints() -> None:
        """There is one, which stays."""

    @routes.get("/embeddings")
    def embeddings() -> dict[str, Any]:
        """Textual inversions."""
        return service_of().facts.embeddings()


def _add_lists(routes: APIRouter) -> None:
    @routes.get("/samplers")
    def samplers() -> list[dict[str, Any]]:
        """Those that there are."""
        return answers.samplers_answer()

    @routes.get("/schedulers")
    def schedulers() -> list[dict[str, Any]]:
        """Schedule types."""
        return answers.schedulers_answer()

    @routes.get("/scripts")
    def scripts() -> dict[str, list[str]]:
        """There are none."""
        return {"txt2img": [], "img2img": []}

    @routes.post("/png-info")
    def png_info(asked: WebuiPngInfo) -> dict[str, Any]:
        """What a picture was drawn with."""
        image = picture_of("image", asked.image)
        return answers.png_answer(image, facts_of(description(image)))


def _add_options(routes: APIRouter, options: Mapping[str, Any], flags: Mapping[str, Any]) -> None:
    @routes.get("/options")
    def get_options() -> Mapping[str, Any]:
        """What is in force for everybody."""
        return options

    @routes.post("/options")
    def set_options(asked: dict[str, Any] = BODY) -> None:
        """Values in force may be sent again; no user changes another's."""
        for name, value in asked.items():
            if not is_in_force(name, value, options):
                known = f"it is {options[name]!r} here" if name in options else "it is not here"
                raise UnsupportedField(name, value, known)

    @routes.get("/cmd-flags")
    def cmd_flags() -> Mapping[str, Any]:
        """How the server was started; no path and no password."""
        return flags


def _jobs_of(request: Request, service_of: ServiceCallback) -> list[DrawingJob]:
    return service_of().queue.jobs_of(request.state.user)
