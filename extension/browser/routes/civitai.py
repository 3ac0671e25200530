"""Civitai, asked by the page: errands that go on while it looks how far they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response

from ...errors import OnlineError
from ...library.catalog import Catalog
from ...library.civitai.lookup import LEVEL
from ...library.civitai.service import CivitaiService
from ...library.errands import Errands, Tell
from .answers import BODY, answer
from .writing import (
    ClosedCallback,
    carried_out,
    entries_of,
    number,
    root_of_request,
    text,
)


def add_civitai(
    reading: APIRouter,
    writing: APIRouter,
    catalog_of: Callable[[], Catalog],
    service: CivitaiService,
    errands: Errands,
    closed_of: ClosedCallback,
) -> None:
    """One errand at a time; `GET errand` tells of it."""
    _add_state(reading, writing, errands, service, closed_of)
    _add_asking(writing, errands, catalog_of, service)
    _add_download(writing, errands, catalog_of, service)


def _add_state(
    reading: APIRouter,
    writing: APIRouter,
    errands: Errands,
    service: CivitaiService,
    closed_of: ClosedCallback,
) -> None:
    @reading.get("/civitai")
    def settings(request: Request) -> Response:
        """Which sites are asked, whether there is a key; `closed`: why nothing can be changed."""
        try:
            facts = service.access().facts()
        except OnlineError as error:
            facts = {"error": str(error)}
        return answer(request, {**facts, "closed": closed_of()})

    @reading.get("/errand")
    def errand(request: Request) -> Response:
        """What is under way, and how far; else what came of the last."""
        return answer(request, errands.state)

    @writing.post("/errand/stop", dependencies=[BODY])
    def stop(request: Request) -> Response:
        """Ends it soon; what was done stays done."""
        errands.stop()
        return answer(request, errands.state)


def _add_asking(
    writing: APIRouter,
    errands: Errands,
    catalog_of: Callable[[], Catalog],
    service: CivitaiService,
) -> None:
    @writing.post("/civitai/lookup")
    def lookup(request: Request, content: dict[str, Any] = BODY) -> Response:
        """Asks about `ids`, or all files; `again`: also those that were asked about."""
        catalog = catalog_of()
        entries = entries_of(catalog, content)
        again, level = content.get("again") is True, number(content, "level", LEVEL)

        def work(stopped: Callable[[], bool], tell: Tell) -> dict[str, Any]:
            looked = service.lookup(
                entries, stopped, lambda one: tell(asdict(one)), again=again, level=level
            )
            catalog.facts.flush()
            catalog.scan()
            return asdict(looked)

        return answer(request, carried_out(lambda: errands.start("lookup", work)))

    @writing.post("/civitai/updates")
    def updates(request: Request, content: dict[str, Any] = BODY) -> Response:
        """Asks whether there are newer versions of `ids`, or of all files."""
        catalog = catalog_of()
        entries = entries_of(catalog, content)

        def work(stopped: Callable[[], bool], tell: Tell) -> dict[str, Any]:
            found = service.updates(
                entries, stopped, lambda done, total: tell({"done": done, "total": total})
            )
            catalog.scan()
            return {"newer": found}

        return answer(request, carried_out(lambda: errands.start("updates", work)))


def _add_download(
    writing: APIRouter,
    errands: Errands,
    catalog_of: Callable[[], Catalog],
    service: CivitaiService,
) -> None:
    @writing.post("/civitai/download")
    def download(request: Request, content: dict[str, Any] = BODY) -> Response:
        """Fetches a `version` (its main file, or `file`) into `folder` of `library`."""
        catalog = catalog_of()
        root, version = root_of_request(catalog, content), number(content, "version")
        folder, name = text(content, "folder", ""), text(content, "name", "")
        file_id = number(content, "file") if "file" in content else None

        def work(stopped: Callable[[], bool], tell: Tell) -> dict[str, Any]:
            path = service.download(
                version,
                root,
                folder,
                stopped,
                lambda one: tell({"name": one.name, "done": one.done, "total": one.total}),
                file_id=file_id,
                name=name or None,
            )
            found = next((one for one in catalog.scan().entries if one.path == path), None)
            return {"id": found.id if found else None}

        return answer(request, carried_out(lambda: errands.start("download", work)))
