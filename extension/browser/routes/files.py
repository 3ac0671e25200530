"""One file: everything about it, its picture, and edits of its sidecar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from ...errors import FileError
from ...library import preview, sidecar
from ...library.catalog import Catalog
from ...library.lora_file import LoraFile
from ...library.own_preview import keep_preview
from ...library.walk import is_within
from .. import cards, shelf
from .answers import ASK_EACH_TIME, BODY, FOR_EVER, SAFE, answer, entry_of, tagged
from .media import add_media
from .shelves import Find, ShelvesCallback, finder
from .writing import carried_out, preview_only

PREVIEW = Depends(preview_only)


def add_files(
    reading: APIRouter,
    writing: APIRouter,
    catalog_of: Callable[[], Catalog],
    model_of: Callable[[], str | None],
    shelves_of: ShelvesCallback = dict,
) -> None:
    """Reading and writing, file by file; `shelves_of`: also of those that are no LoRAs."""
    find = finder(catalog_of, shelves_of)
    _add_reading(reading, find, model_of)
    add_media(reading, find)
    _add_hash(reading, catalog_of)
    _add_editing(writing, find, model_of)
    _add_preview(writing, find, model_of)


def _details(kind: str, entry: LoraFile, model: str | None, catalog: Catalog) -> dict[str, Any]:
    roots = catalog.folders
    return shelf.details(kind, entry, model, roots) if kind else cards.details(entry, model, roots)


def _add_hash(routes: APIRouter, catalog_of: Callable[[], Catalog]) -> None:
    @routes.post("/file/{id}/hash", dependencies=[BODY])
    def hash(request: Request, id: str) -> Response:
        """The first 12 digits of its hash (AutoV3), computed now where it is not known yet."""
        try:
            return answer(request, {"hash": entry_of(catalog_of(), id).shorthash})
        except FileError as error:
            raise HTTPException(422, str(error), SAFE) from error


def _add_reading(routes: APIRouter, find: Find, model_of: Callable[[], str | None]) -> None:
    @routes.get("/file/{id}")
    def file(request: Request, id: str) -> Response:
        """Everything about one file."""
        kind, catalog, entry = find(id)
        return answer(request, _details(kind, entry, model_of(), catalog))

    @routes.get("/preview/{id}")
    def picture(request: Request, id: str, v: str = "", full: bool = False) -> Response:
        """The thumbnail, or with `full=1` the picture itself; `v` is its version."""
        _, catalog, entry = find(id)
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


def _add_preview(routes: APIRouter, find: Find, model_of: Callable[[], str | None]) -> None:
    @routes.post("/file/{id}/preview")
    def keep(request: Request, id: str, content: bytes = PREVIEW) -> Response:
        """The body, a picture or video, is shown from now on; answers with the file's details."""
        kind, catalog, entry = find(id)
        carried_out(lambda: keep_preview(entry, content))
        catalog.notice([entry.id])
        return answer(request, _details(kind, entry_of(catalog, entry.id), model_of(), catalog))


def _add_editing(routes: APIRouter, find: Find, model_of: Callable[[], str | None]) -> None:
    @routes.post("/file/{id}")
    def edit(request: Request, id: str, changes: dict[str, Any] = BODY) -> Response:
        """Writes fields of the sidecar; answers with the file's new details."""
        kind, catalog, entry = find(id)
        if not is_within(
            sidecar.beside(entry.path, ".json"), (*catalog.folders, entry.folder.path)
        ):
            raise HTTPException(403, "its .json is a link that leads out of the library", SAFE)
        try:
            cards.edit(entry, changes)
        except (ValueError, FileError) as error:
            raise HTTPException(422, str(error), SAFE) from error
        catalog.notice([entry.id])
        return answer(request, _details(kind, entry_of(catalog, entry.id), model_of(), catalog))
