"""`GET shelf`: the textual inversions and checkpoints that the user has added to the library."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, HTTPException, Request, Response

from ...library.catalog import Catalog
from ...library.lora_file import LoraFile
from .. import shelf
from .answers import SAFE, answer, entry_of

ShelvesCallback = Callable[[], shelf.Shelves]
Find = Callable[[str], tuple[str, Catalog, LoraFile]]


def add_shelf(
    routes: APIRouter, shelves_of: ShelvesCallback, model_of: Callable[[], str | None]
) -> None:
    """One reading."""

    @routes.get("/shelf")
    def files(request: Request, again: bool = False) -> Response:
        """All of them; `read` says how many are known by now, `again=1` looks at the folders."""
        return answer(request, shelf.rows(shelves_of(), model_of(), again=again))


def finder(catalog_of: Callable[[], Catalog], shelves_of: ShelvesCallback) -> Find:
    """From an id (`inversion:…`, or a LoRA's) to kind ("" for a LoRA), catalog and file; 404."""

    def find(id: str) -> tuple[str, Catalog, LoraFile]:
        kind, _, own = id.rpartition(":")
        catalog = shelves_of().get(kind) if kind else catalog_of()
        if catalog is None:
            raise HTTPException(404, "there are no such files in the library", SAFE)
        return kind, catalog, entry_of(catalog, own)

    return find
