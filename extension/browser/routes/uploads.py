"""A LoRA that is dropped on the page: with a content type of its own, which no other site can send
without being asked first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from ...library import arrivals
from ...library.catalog import Catalog
from .answers import SAFE, answer
from .writing import carried_out, root_of_request

KIND = "application/x-safetensors"
BEGINNING = 16  # bytes that tell whether it can be a LoRA


def add_uploads(writing: APIRouter, catalog_of: Callable[[], Catalog]) -> None:
    """A LoRA alone: a picture is sent to its file (files.py)."""

    @writing.post("/upload")
    async def upload(request: Request, name: str, folder: str = "", library: int = 0) -> Response:
        """The body, a LoRA called `name`, goes into `folder` of `library`; its id and name."""
        size = _announced(request)
        catalog = catalog_of()
        root = root_of_request(catalog, {"library": library})
        arrival = await run_in_threadpool(
            lambda: carried_out(lambda: arrivals.expect(root, folder, name, size))
        )
        try:
            await _receive(request, name, arrival)
            path = await run_in_threadpool(lambda: carried_out(arrival.finish))
        finally:
            arrival.spare.unlink(missing_ok=True)
        await run_in_threadpool(catalog.scan)
        entry = next(catalog.snapshot.at([str(path)]))
        return answer(request, {"id": entry and entry.id, "name": entry and entry.name})


def _announced(request: Request) -> int:
    """Bytes that will come. 415, 411, 413."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != KIND:
        raise HTTPException(415, f"send {KIND}", SAFE)
    said = request.headers.get("content-length", "")
    if not said.isdecimal():
        raise HTTPException(411, "say how many bytes will come", SAFE)
    if int(said) > arrivals.LARGEST:
        raise _too_large()
    return int(said)


async def _receive(request: Request, name: str, arrival: arrivals.Arrival) -> None:
    """Writes what comes into the spare file, as long as it can be a LoRA."""
    done, first = 0, b""
    with await run_in_threadpool(arrival.spare.open, "xb") as file:
        async for chunk in request.stream():
            done += len(chunk)
            if done > arrivals.LARGEST:
                raise _too_large()
            if len(first) < BEGINNING:
                first += chunk[:BEGINNING]
                carried_out(partial(arrivals.demand_beginning, name, first))
            await run_in_threadpool(file.write, chunk)


def _too_large() -> HTTPException:
    return HTTPException(413, f"send at most {arrivals.LARGEST:,} bytes", SAFE)
