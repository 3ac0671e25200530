"""`GET library` and `POST refresh`: the list of files, or what of it changed."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from ...library.catalog import Catalog
from ..listing import Listing
from .answers import BODY, answer, answer_text

LONGEST_SEARCH = 500  # characters
MOST_LOOKED_AT = 200  # files that a page may have in sight


def add_index(
    routes: APIRouter, catalog_of: Callable[[], Catalog], model_of: Callable[[], str | None]
) -> None:
    """Nothing is read here: the background thread does that, and an answer says how far it is."""
    last: list[Listing] = []

    def listing() -> Listing:
        catalog, model = catalog_of(), model_of()
        if not last or last[0].catalog is not catalog or last[0].model != model:
            last[:] = [Listing(catalog, model)]
        return last[0]

    @routes.get("/library")
    def library(request: Request, since: str = "", look: str = "") -> Response:
        """All rows, or what changed `since` the answer before.

        `look` lists the ids of files in sight, separated by commas: changes of these are noticed
        now, of others within the background's next round.
        """
        found = listing()
        found.catalog.notice([id for id in look.split(",")[:MOST_LOOKED_AT] if id])
        return answer_text(request, found.answer(since))

    @routes.get("/search")
    def search(request: Request, text: str = "") -> Response:
        """The ids of the files that have every word of `text`, also in notes and training tags."""
        found = catalog_of().search(text[:LONGEST_SEARCH])
        return answer(request, {"ids": [entry.id for entry in found]})

    @routes.post("/refresh", dependencies=[BODY])
    def refresh(request: Request, since: str = "") -> Response:
        """The same, after a look at all folders."""
        found = listing()
        found.catalog.scan()
        return answer_text(request, found.answer(since))
