"""The page's routes: JSON by ids, pictures by ids, our static files. FastAPI 0.94 and newer.

The page sends ids, never paths. Addresses are relative to where the host mounts the router
(`prefix="/live-lora"`). Writes need `Content-Type: application/json`, which other sites cannot
send without being asked first (CORS preflight), and which is never granted here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from ..errors import FileError
from ..library import preview, sidecar
from ..library.catalog import Catalog
from ..library.lora_file import LoraFile
from ..library.walk import is_within
from ..prompt import DEFAULT, Language, parse
from ..prompt.description import describe, vocabulary
from . import cards

STATIC = Path(__file__).parent / "static"
KINDS = {".mjs": "text/javascript", ".js": "text/javascript", ".css": "text/css"}
ASK_EACH_TIME = "no-cache"
FOR_EVER = "private, max-age=31536000, immutable"  # the address holds the version
SAFE = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
LARGEST_BODY = 1 << 20  # bytes
MOST_PROMPTS = 16
LONGEST_PROMPTS = 100_000  # characters


async def json_only(request: Request) -> dict[str, Any]:
    """The body, a JSON object that is sent as such; nothing else is taken for a write."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "send application/json", SAFE)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise HTTPException(413, f"send at most {LARGEST_BODY:,} bytes", SAFE)
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is not valid JSON", SAFE) from error
    if not isinstance(content, dict):
        raise HTTPException(400, "the body is not a JSON object", SAFE)
    return content


BODY = Depends(json_only)


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
    _add_reading(guarded, catalog_of, model_of)
    _add_writing(guarded, catalog_of, model_of)
    _add_report(guarded, report_of)
    _add_prompts(guarded, language_of)
    routes = APIRouter()
    routes.include_router(guarded)
    routes.add_api_route("/static/{path:path}", static, methods=["GET"], include_in_schema=False)
    return routes


def _add_reading(
    routes: APIRouter, catalog_of: Callable[[], Catalog], model_of: Callable[[], str | None]
) -> None:
    @routes.get("/library")
    def library(request: Request) -> Response:
        """The whole index; looks at the folders first if one changed."""
        catalog = catalog_of()
        catalog.scan_if_changed()
        return answer(request, cards.library(catalog, model_of()))

    @routes.get("/file/{id}")
    def file(request: Request, id: str) -> Response:
        """Everything about one file."""
        return answer(request, cards.details(entry_of(catalog_of(), id), model_of()))

    @routes.get("/preview/{id}")
    def picture(request: Request, id: str, v: str = "", full: bool = False) -> Response:
        """The thumbnail, or with `full=1` the picture itself; `v` is its version."""
        catalog = catalog_of()
        entry = entry_of(catalog, id)
        current = v == str(preview.version(entry))
        try:
            found = (
                preview.read(entry, catalog.folders)
                if full
                else preview.cached_thumbnail(entry, catalog.folders, catalog.cache)
            )
        except FileError as error:
            raise HTTPException(404, str(error), SAFE) from error
        return tagged(
            request, found.content, found.media_type, FOR_EVER if current else ASK_EACH_TIME
        )


def _add_report(routes: APIRouter, report_of: Callable[[], dict[str, Any] | None]) -> None:
    @routes.get("/report")
    def report(request: Request) -> Response:
        """What the last generation did; {} before the first."""
        return answer(request, report_of() or {})


def _add_prompts(routes: APIRouter, language_of: Callable[[], Language]) -> None:
    @routes.post("/explain")
    def explain(request: Request, asked: dict[str, Any] = BODY) -> Response:
        """What `{prompts: [{text, negative}]}` say: each as prompt/description.py describes it."""
        language = language_of()
        described = [
            describe(parse(text, negative=negative, language=language))
            for text, negative in _prompts(asked)
        ]
        return answer(request, {"prompts": described})

    @routes.get("/language")
    def language(request: Request) -> Response:
        """The words that editors offer: blocks, elements, presets, easings."""
        return answer(request, vocabulary(language_of()))


def _prompts(asked: dict[str, Any]) -> list[tuple[str, bool]]:
    """(text, negative) of each prompt; 422 for anything else."""
    prompts = asked.get("prompts")
    sound = (
        isinstance(prompts, list)
        and len(prompts) <= MOST_PROMPTS
        and all(isinstance(one, dict) and isinstance(one.get("text"), str) for one in prompts)
    )
    if not isinstance(prompts, list) or not sound:
        raise HTTPException(422, f"send prompts: up to {MOST_PROMPTS} of {{text, negative}}", SAFE)
    if sum(len(one["text"]) for one in prompts) > LONGEST_PROMPTS:
        raise HTTPException(413, f"send at most {LONGEST_PROMPTS:,} characters", SAFE)
    return [(one["text"], one.get("negative") is True) for one in prompts]


def _add_writing(
    routes: APIRouter, catalog_of: Callable[[], Catalog], model_of: Callable[[], str | None]
) -> None:
    @routes.post("/refresh", dependencies=[BODY])
    def refresh(request: Request) -> Response:
        """The index, after a look at all folders."""
        catalog = catalog_of()
        catalog.scan()
        return answer(request, cards.library(catalog, model_of()))

    @routes.post("/file/{id}")
    def edit(request: Request, id: str, changes: dict[str, Any] = BODY) -> Response:
        """Writes fields of the sidecar; answers with the file's new details."""
        catalog = catalog_of()
        entry = entry_of(catalog, id)
        if not is_within(
            sidecar.beside(entry.path, ".json"), (*catalog.folders, entry.folder.path)
        ):
            raise HTTPException(403, "its .json is a link that leads out of the library", SAFE)
        try:
            cards.edit(entry, changes)
        except (ValueError, FileError) as error:
            raise HTTPException(422, str(error), SAFE) from error
        catalog.scan()
        return answer(request, cards.details(entry_of(catalog, id), model_of()))


def static(request: Request, path: str) -> Response:
    """One of our own modules or style sheets."""
    file = STATIC / path
    kind = KINDS.get(file.suffix)
    if kind is None or not is_within(file, [STATIC]) or not file.is_file():
        raise HTTPException(404, "there is no such file", SAFE)
    return tagged(request, file.read_bytes(), kind, ASK_EACH_TIME)


def entry_of(catalog: Catalog, id: str) -> LoraFile:
    """The file with this id; 404 if it is not in the list."""
    entry = catalog.by_id(id)
    if entry is None:
        raise HTTPException(404, "this file is no longer in the library: refresh the list", SAFE)
    return entry


def answer(request: Request, content: object) -> Response:
    """JSON; names that are no Unicode text travel as escapes."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    try:
        body = text.encode()
    except UnicodeEncodeError:
        body = json.dumps(content, separators=(",", ":")).encode()
    return tagged(request, body, "application/json", "private, no-cache")


def tagged(request: Request, body: bytes, kind: str, cache: str) -> Response:
    """The body with its ETag; 304 for who has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": cache, **SAFE}
    if request.method == "GET" and tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=kind, headers=headers)
