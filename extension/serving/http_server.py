"""The HTTP server: both APIs behind one door, and errors as the webui says them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

from .. import __version__
from ..app.request import RequestError
from ..errors import StateError
from .admission import QueueFull
from .gatekeeper import AccessRules, Gatekeeper
from .jobs import JobFailed, TaskState
from .kept_jobs import KeptJobs
from .own_routes import PREFIX, own_router, status_of
from .picture_service import PictureService
from .webui_refusals import UnsupportedField
from .webui_routes import webui_router

LOG = logging.getLogger(__name__)
STARTING = "starting"
BUSY_STATUS = {TaskState.FAILED: 500, TaskState.EXPIRED: 504}
WAIT = "5"  # seconds, while the model is read


@dataclass(slots=True)
class ServerState:
    """What the routes serve: nothing until the model is there."""

    service: PictureService | None = None
    phase: str = STARTING
    since: float = field(default_factory=time.monotonic)

    def demand(self) -> PictureService:
        """Raises HTTPException(503) until there is something to draw with."""
        if self.service is None:
            raise HTTPException(503, self.phase, {"Retry-After": WAIT})
        return self.service

    def told(self, route: str, status: int, seconds: float, user: str) -> None:
        """A request was answered."""
        if self.service is not None:
            self.service.metrics.requests.add(1, route, str(status))
        facts = {"route": route, "status": status, "seconds": round(seconds, 3), "user": user}
        LOG.info("request", extra={"facts": facts})


def application(
    state: ServerState,
    rules: AccessRules,
    options: Mapping[str, Any],
    flags: Mapping[str, Any],
) -> FastAPI:
    """`options` are the webui's that are in force, `flags` those of its command line."""
    # No page of documentation: it would fetch its scripts from another server.
    app = FastAPI(title="Live LoRA", version=__version__, docs_url=None, redoc_url=None)
    app.include_router(webui_router(state.demand, options, flags))
    app.include_router(own_router(state.demand, KeptJobs()))

    @app.get(f"{PREFIX}/status")
    def status() -> dict[str, Any]:
        """How far the start is, and what waits."""
        return status_of(state.service, state.phase, state.since)

    @app.get(f"{PREFIX}/health")
    def health() -> JSONResponse:
        """200 while the server can draw."""
        well = state.service is not None and state.service.alive
        return JSONResponse({"ok": well}, 200 if well else 503)

    _add_errors(app)
    app.add_middleware(Gatekeeper, rules=rules, told=state.told)
    return app


def _add_errors(app: FastAPI) -> None:
    answers: dict[type[Exception], Callable[[Any], JSONResponse]] = {
        UnsupportedField: lambda e: _invalid(["body", e.field], str(e), "value_error.unsupported"),
        RequestError: lambda e: _invalid(["body"], str(e), "value_error"),
        QueueFull: lambda e: _error(
            429, "QueueFull", str(e), {"Retry-After": str(round(e.retry_after))}
        ),
        StateError: lambda e: _error(409, "StateError", str(e)),
        JobFailed: lambda e: _error(BUSY_STATUS.get(e.state, 500), "JobFailed", str(e)),
        HTTPException: lambda e: _error(e.status_code, "HTTPException", e.detail, e.headers),
        Exception: _unexpected,
    }
    for kind, answer in answers.items():
        app.add_exception_handler(kind, _handler(answer))


def _handler(answer: Callable[[Any], JSONResponse]) -> Callable[[Request, Exception], JSONResponse]:
    return lambda request, error: answer(error)


def _unexpected(error: Exception) -> JSONResponse:
    LOG.error("a request failed", exc_info=error)
    return _error(500, type(error).__name__, "")


def _error(
    status: int, name: str, detail: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """As the webui's API says its errors."""
    return JSONResponse(
        {"error": name, "detail": detail, "body": "", "errors": detail if status >= 500 else ""},
        status,
        dict(headers or {}),
    )


def _invalid(place: list[str], message: str, kind: str) -> JSONResponse:
    return JSONResponse({"detail": [{"loc": place, "msg": message, "type": kind}]}, 422)
