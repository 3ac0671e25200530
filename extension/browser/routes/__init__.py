"""The page's routes: JSON by ids, pictures by ids, our static files. FastAPI 0.94 and newer.

The page sends ids, never paths. Addresses are relative to where the host mounts the router
(`prefix="/live-lora"`). Writes need `Content-Type: application/json`, or for uploads a kind of
their own, which other sites cannot send without being asked first (CORS preflight), and which is
never granted here.

What `router` is given:

- catalog_of: the library, asked at every request.
- model_of: the loaded model's base ("SD1", "SDXL", …), to mark files that do not fit.
- report_of: what the last generation did, as JSON (`GET report`).
- language_of: what prompts are read with: the user's own presets.
- prefetch: is given the tags of a prompt as it is written, to read their files ahead.
- interface_of: the language that the page itself speaks ("zh_CN", "ja"); "": the browser's.
- guard: a dependency that raises HTTPException(401) without a login, but for static files.
- data: the folder of the user's own data; None leaves out sets, Civitai, and bulk work.
- closed_of: why nothing may be changed here, where strangers may reach the page.
- stranger_of: why a request with such headers is refused, where another site has sent it.
- errands: what is under way, where that lives longer than the router.
- masks_of: the mask pictures that prompts can name.
- moving: the drawing whose sliders can be moved.
- measured: what the last drawings have measured.
- effect_of: compares files with the loaded model's weights; None while a picture is drawn.
- shelves_of: catalogs of textual inversions and checkpoints that are shown, too, by kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from ...library.catalog import Catalog
from ...library.civitai.service import CivitaiService
from ...library.errands import Errands
from ...library.sets.set_store import SetStore
from ...prompt import DEFAULT, Language, Tag
from ...session.moving_jobs import MovingJobs
from ..measured_shelf import MeasuredShelf
from .answers import answer, static
from .bulk import add_bulk
from .by_hash import add_by_hash
from .civitai import add_civitai
from .drawn_masks import MasksCallback, add_masks
from .effects import EffectCallback, add_effect, add_measured
from .files import add_files
from .index import add_index
from .moving import add_moving
from .prompts import add_prompts
from .sets import add_sets
from .shelves import ShelvesCallback, add_shelf
from .uploads import add_uploads
from .writing import ClosedCallback, StrangerCallback, demand_open, demand_own_page


def router(
    catalog_of: Callable[[], Catalog],
    *,
    model_of: Callable[[], str | None] = lambda: None,
    report_of: Callable[[], dict[str, Any] | None] = lambda: None,
    language_of: Callable[[], Language] = lambda: DEFAULT,
    interface_of: Callable[[], str] = lambda: "",
    prefetch: Callable[[Sequence[Tag]], None] = lambda tags: None,
    shelves_of: ShelvesCallback = dict,
    guard: Callable[..., Any] | None = None,
    data: Path | None = None,
    closed_of: ClosedCallback = lambda: None,
    stranger_of: StrangerCallback = lambda headers: None,
    errands: Errands | None = None,
    moving: MovingJobs | None = None,
    masks_of: MasksCallback | None = None,
    measured: MeasuredShelf | None = None,
    effect_of: EffectCallback = lambda files: None,
) -> APIRouter:
    """The routes under `live-lora/`; the arguments are described above."""
    guarded = _guarded(demand_own_page(stranger_of), guard)
    add_index(guarded, catalog_of, model_of)
    writing = APIRouter(dependencies=[Depends(demand_open(closed_of))])
    add_files(guarded, writing, catalog_of, model_of, shelves_of)
    add_shelf(guarded, shelves_of, model_of)
    add_uploads(writing, catalog_of)
    add_prompts(guarded, language_of, catalog_of, prefetch)
    _add_told(guarded, report_of, interface_of)
    add_by_hash(guarded, catalog_of, model_of)
    if masks_of is not None:
        add_masks(guarded, writing, masks_of)
    if moving is not None:
        add_moving(guarded, moving)
    add_measured(guarded, measured or MeasuredShelf())
    add_effect(guarded, catalog_of, effect_of)
    if data is not None:
        civitai = CivitaiService(catalog_of, data)
        add_civitai(guarded, writing, catalog_of, civitai, errands or Errands(), closed_of)
        _add_owned(guarded, writing, catalog_of, data)
    return _with_static(guarded, writing)


def _guarded(*guards: Callable[..., Any] | None) -> APIRouter:
    return APIRouter(dependencies=[Depends(one) for one in guards if one])


def _add_owned(
    guarded: APIRouter, writing: APIRouter, catalog_of: Callable[[], Catalog], data: Path
) -> None:
    """What changes the user's files and sets."""
    add_bulk(guarded, writing, catalog_of)
    add_sets(guarded, writing, catalog_of, SetStore(data))


def _with_static(guarded: APIRouter, writing: APIRouter) -> APIRouter:
    guarded.include_router(writing)
    routes = APIRouter()
    routes.include_router(guarded)
    routes.add_api_route("/static/{path:path}", static, methods=["GET"], include_in_schema=False)
    return routes


def _add_told(
    routes: APIRouter,
    report_of: Callable[[], dict[str, Any] | None],
    interface_of: Callable[[], str],
) -> None:
    @routes.get("/report")
    def report(request: Request) -> Response:
        """What the last generation did; {} before the first."""
        return answer(request, report_of() or {})

    @routes.get("/interface")
    def interface(request: Request) -> Response:
        """Which of `static/languages/` the program would have the page speak."""
        return answer(request, {"language": interface_of()})
