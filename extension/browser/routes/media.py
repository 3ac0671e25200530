"""Videos beside LoRAs and example pictures that are here: by ids and numbers, in parts as browsers
ask for them. What they are their bytes say: nothing is sent as something that could run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import StreamingResponse

from ...errors import FileError
from ...library import examples, video
from ...library.video import OpenMedia
from .answers import ASK_EACH_TIME, FOR_EVER, SAFE
from .shelves import Find

# A picture or video that somebody opens by itself runs nothing, whatever a browser makes of it.
INERT = {**SAFE, "Content-Security-Policy": "default-src 'none'; sandbox"}
# A webui compresses what says of itself nothing: bytes 100 to 199 would be those of another file.
AS_IT_IS = {"Accept-Ranges": "bytes", "Content-Encoding": "identity"}
RANGE = re.compile(r"bytes=(?=\d|-\d)(\d{0,18})-(\d{0,18})")
PIECE = 1 << 18  # bytes


def add_media(routes: APIRouter, find: Find) -> None:
    """Two readings."""

    @routes.get("/video/{id}")
    def moving(request: Request, id: str, v: str = "") -> Response:
        """The video beside a file (`video` in its row is its version, `v`); parts by `Range`."""
        _, catalog, entry = find(id)
        current = v == str(video.version(entry))
        try:
            found = video.open_video(entry, catalog.folders)
        except FileError as error:
            raise HTTPException(404, str(error), SAFE) from error
        return in_parts(request, found, FOR_EVER if current else ASK_EACH_TIME)

    @routes.get("/example/{id}/{number}")
    def example(request: Request, id: str, number: int) -> Response:
        """An example picture or video that is here (`local` in the file's details)."""
        _, catalog, entry = find(id)
        try:
            told = entry.sidecar.examples
            found = examples.open_example(entry, told, number, catalog.folders)
        except FileError as error:
            raise HTTPException(404, str(error), SAFE) from error
        return in_parts(request, found, ASK_EACH_TIME)


def in_parts(request: Request, found: OpenMedia, cache: str) -> Response:
    """The file, or the one part of it that is asked for: 200, 206, 304, 416."""
    tag = f'"{found.tag}"'
    headers = {"ETag": tag, "Cache-Control": cache, **AS_IT_IS, **INERT}
    if tag in request.headers.get("if-none-match", ""):
        found.file.close()
        return Response(status_code=304, headers=headers)
    asked = request.headers.get("range", "").strip()
    if request.headers.get("if-range", tag) != tag:  # a part of another file is of no use
        asked = ""
    span = _span(asked, found.size)
    if span is None:
        found.file.close()
        headers["Content-Range"] = f"bytes */{found.size}"
        return Response(status_code=416, headers=headers)
    start, length = span
    whole = length == found.size
    headers["Content-Length"] = str(length)
    if not whole or RANGE.fullmatch(asked):
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{found.size}"
    return StreamingResponse(
        _pieces(found.file, start, length),
        status_code=206 if "Content-Range" in headers else 200,
        headers=headers,
        media_type=found.media_type,
    )


def _span(asked: str, size: int) -> tuple[int, int] | None:
    """Where to start, and how many bytes; all for several parts at once, None for none of it."""
    match = RANGE.fullmatch(asked)
    if match is None:
        return 0, size
    first, last = match.groups()
    if not first:  # the last bytes
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
    return (start, end - start) if start < end else None


def _pieces(file: BinaryIO, start: int, left: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while left > 0 and (piece := file.read(min(PIECE, left))):
            left -= len(piece)
            yield piece
