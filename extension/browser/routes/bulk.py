"""Many files at once: moved, renamed, deleted, tagged; what belongs together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from ...library.bulk import batch
from ...library.bulk import bin as bins
from ...library.bulk.groups import duplicates, versions
from ...library.catalog import Catalog
from .answers import BODY, answer, entry_of
from .writing import carried_out, named_entries, root_of_request, text, texts

CatalogOf = Callable[[], Catalog]


def add_bulk(reading: APIRouter, writing: APIRouter, catalog_of: CatalogOf) -> None:
    """All of it."""
    _add_groups(reading, catalog_of)
    _add_moves(writing, catalog_of)
    _add_bin(reading, writing, catalog_of)


def _add_groups(reading: APIRouter, catalog_of: CatalogOf) -> None:
    @reading.get("/duplicates")
    def same_tensors(request: Request) -> Response:
        """Lists of ids; of files that were hashed by now (`unhashed` were not)."""
        catalog = catalog_of()
        found = duplicates(catalog.entries, catalog.facts.known_hashes)
        groups = [[entry.id for entry in same] for same in found]
        return answer(request, {"groups": groups, "unhashed": len(catalog.unhashed)})

    @reading.get("/versions")
    def of_one_model(request: Request) -> Response:
        """Ids by Civitai's number of the model, the newest version first."""
        found = versions(catalog_of().entries)
        groups = {str(model): [entry.id for entry in known] for model, known in found.items()}
        return answer(request, {"groups": groups})


def _add_moves(writing: APIRouter, catalog_of: CatalogOf) -> None:
    def said(request: Request, outcome: batch.Outcome) -> Response:
        catalog_of().scan()
        return answer(request, outcome.as_dict())

    @writing.post("/bulk/move")
    def move(request: Request, content: dict[str, Any] = BODY) -> Response:
        """`ids` into `folder` of `library`."""
        catalog = catalog_of()
        entries, root = named_entries(catalog, content), root_of_request(catalog, content)
        folder = text(content, "folder")
        return said(request, carried_out(lambda: batch.move_all(entries, root, folder)))

    @writing.post("/bulk/rename")
    def rename(request: Request, content: dict[str, Any] = BODY) -> Response:
        """`id` becomes `name` (without ending)."""
        entry, name = entry_of(catalog_of(), text(content, "id")), text(content, "name")
        return said(request, carried_out(lambda: batch.rename(entry, name)))

    @writing.post("/bulk/delete")
    def delete(request: Request, content: dict[str, Any] = BODY) -> Response:
        """`ids` into the bin; `undo` is what `bin/restore` takes."""
        entries = named_entries(catalog_of(), content)
        return said(request, carried_out(lambda: batch.delete_all(entries)))

    @writing.post("/bulk/tag")
    def tag(request: Request, content: dict[str, Any] = BODY) -> Response:
        """Tags of the user's own: `add` and `remove`."""
        entries = named_entries(catalog_of(), content)
        add, remove = texts(content, "add"), texts(content, "remove")
        return said(request, carried_out(lambda: batch.tag_all(entries, add, remove)))


def _add_bin(reading: APIRouter, writing: APIRouter, catalog_of: CatalogOf) -> None:
    @reading.get("/bin")
    def in_the_bin(request: Request) -> Response:
        """What was deleted, the latest first, by library folder."""
        found = [
            {"id": one.id, "relative": one.relative, "size": one.size, "library": number}
            for number, root in enumerate(catalog_of().folders)
            for one in bins.deleted(root)
        ]
        return answer(request, {"deleted": found})

    @writing.post("/bin/restore")
    def restore(request: Request, content: dict[str, Any] = BODY) -> Response:
        """Undoes the deletion `id`."""
        catalog, id = catalog_of(), text(content, "id")
        outcome = carried_out(lambda: batch.restore_all(catalog, id))
        catalog.scan()
        return answer(request, outcome.as_dict())

    @writing.post("/bin/purge")
    def purge(request: Request, content: dict[str, Any] = BODY) -> Response:
        """Deletes the files of the deletion `id` for good."""
        catalog, id = catalog_of(), text(content, "id")
        return answer(request, carried_out(lambda: batch.purge_all(catalog, id)).as_dict())
