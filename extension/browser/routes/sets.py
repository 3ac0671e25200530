"""The user's sets: read, added from JSON or a picture's text, changed, with their pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from ...library import preview
from ...library.catalog import Catalog
from ...library.sets.lora_set import LoraSet, set_of, written
from ...library.sets.recipes import recipe_of
from ...library.sets.set_store import SetStore
from ...session.sets_in_text import set_in, text_of
from .answers import ASK_EACH_TIME, BODY, SAFE, answer, tagged
from .writing import carried_out, picture_only, text

PICTURE = Depends(picture_only)


def add_sets(
    reading: APIRouter, writing: APIRouter, catalog_of: Callable[[], Catalog], store: SetStore
) -> None:
    """All of it."""
    _add_reading(reading, catalog_of, store)
    _add_changes(writing, store)
    _add_picture(reading, writing, store)


def _add_reading(reading: APIRouter, catalog_of: Callable[[], Catalog], store: SetStore) -> None:
    @reading.get("/sets")
    def all_sets(request: Request) -> Response:
        """Every set: `text` is what a click writes; `notes` tell of files that are not here."""
        catalog = catalog_of()
        found = [_row(one, catalog, store) for one in carried_out(store.all)]
        return answer(request, {"sets": found})

    @reading.get("/sets/export")
    def export(request: Request) -> Response:
        """All sets for another library."""
        return answer(request, carried_out(store.exported))


def _add_changes(writing: APIRouter, store: SetStore) -> None:
    @writing.post("/sets")
    def add(request: Request, content: dict[str, Any] = BODY) -> Response:
        """Adds a `set`, a `recipe` of LoRA Manager, or that of a picture's `text` by a `name`, with
        `words` and `negative` for the two prompts."""
        ids = carried_out(lambda: store.add([_given(content)]))
        return answer(request, {"ids": ids})

    @writing.post("/sets/import")
    def imported(request: Request, content: dict[str, Any] = BODY) -> Response:
        """Adds all sets of an export."""
        return answer(request, {"ids": carried_out(lambda: store.imported(content))})

    @writing.post("/sets/{id}")
    def change(request: Request, id: str, content: dict[str, Any] = BODY) -> Response:
        """Puts `set` in the place of this one."""
        new = carried_out(lambda: set_of(content.get("set")))
        return answer(request, {"ids": [carried_out(lambda: store.replace(id, new))]})

    @writing.post("/sets/{id}/remove", dependencies=[BODY])
    def remove(request: Request, id: str) -> Response:
        """Forgets the set."""
        carried_out(lambda: store.remove(id))
        return answer(request, {"ids": []})


def _add_picture(reading: APIRouter, writing: APIRouter, store: SetStore) -> None:
    @reading.get("/sets/{id}/picture")
    def picture(request: Request, id: str) -> Response:
        """The picture of a set."""
        content = store.picture(id)
        kind = preview.media_type(content) if content else None
        if content is None or kind is None:
            raise HTTPException(404, "this set has no picture", SAFE)
        return tagged(request, content, kind, ASK_EACH_TIME)

    @writing.post("/sets/{id}/picture")
    def keep(request: Request, id: str, content: bytes = PICTURE) -> Response:
        """Keeps the picture that is the body."""
        carried_out(lambda: store.keep_picture(id, content))
        return answer(request, {"ids": [id]})


def _given(content: dict[str, Any]) -> LoraSet:
    if "set" in content:
        return set_of(content["set"])
    if "recipe" in content:
        return recipe_of(content["recipe"])
    found = set_in(text(content, "text"), text(content, "name", ""))
    words, negative = (text(content, key, "").strip() for key in ("words", "negative"))
    return replace(found, words=words or found.words, negative=negative or found.negative)


def _row(one: LoraSet, catalog: Catalog, store: SetStore) -> dict[str, Any]:
    text, notes = text_of(one, catalog)
    has_picture = store.picture(one.id) is not None
    return {"id": one.id, **written(one), "text": text, "notes": notes, "picture": has_picture}
