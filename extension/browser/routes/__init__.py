"""The page's routes: JSON by ids, pictures by ids, our static files. FastAPI 0.94 and newer.

The page sends ids, never paths. Addresses are relative to where the host mounts the router
(`prefix="/live-lora"`). Writes need `Content-Type: application/json`, which other sites cannot
send without being asked first (CORS preflight), and which is never granted here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from ...library.catalog import Catalog
from ...prompt import DEFAULT, Language
from .answers import answer, static
from .files import add_files
from .index import add_index
from .prompts import add_prompts


def router(
    catalog_of: Callable[[], Catalog],
    *,
    model_of: Callable[[], str | None] = lambda: None,
    report_of: Callable[[], dict[str, Any] | None] = lambda: None,
    language_of: Callable[[], Language] = lambda: DEFAULT,
    guard: Callable[..., Any] | None = None,
) -> APIRouter:
    """The routes under `live-lora/`.

    Args:
        catalog_of: the library, asked at every request.
        model_of: the loaded model's base ("SD1", "SDXL", …), to mark files that do not fit.
        report_of: what the last generation did, as JSON (`GET report`).
        language_of: what prompts are read with: the user's own presets.
        guard: a FastAPI dependency that raises HTTPException(401) where a login is missing;
            it stands before all but the static files.
    """
    guarded = APIRouter(dependencies=[Depends(guard)] if guard else None)
    add_index(guarded, catalog_of, model_of)
    add_files(guarded, catalog_of, model_of)
    add_prompts(guarded, language_of)
    _add_report(guarded, report_of)
    routes = APIRouter()
    routes.include_router(guarded)
    routes.add_api_route("/static/{path:path}", static, methods=["GET"], include_in_schema=False)
    return routes


def _add_report(routes: APIRouter, report_of: Callable[[], dict[str, Any] | None]) -> None:
    @routes.get("/report")
    def report(request: Request) -> Response:
        """What the last generation did; {} before the first."""
        return answer(request, report_of() or {})
