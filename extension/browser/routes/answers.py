"""Answers: JSON, pictures, our own files; each with what browsers must know of it."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

from fastapi import Depends, HTTPException, Request, Response

from ...library.catalog import Catalog
from ...library.lora_file import LoraFile
from ...library.walk import is_within
from ..listing import text

STATIC = Path(__file__).parent.parent / "static"
KINDS = {
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
}
ASK_EACH_TIME = "no-cache"
FOR_EVER = "private, max-age=31536000, immutable"  # the address holds the version
SAFE = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
LARGEST_BODY = 1 << 20  # bytes
COMPRESSED_FROM = 1000  # bytes; below, nothing is won
LEVEL = 3  # of gzip: a list of 10,000 files in 30 ms, to a tenth


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
    """Anything that JSON can hold."""
    return answer_text(request, text(content))


def answer_text(request: Request, written: str) -> Response:
    """JSON that is written already."""
    return tagged(request, written.encode(), "application/json", "private, no-cache")


def tagged(request: Request, body: bytes, kind: str, cache: str) -> Response:
    """The body with its ETag; 304 for who has it already.

    Text is compressed here, where the browser takes it: not every host does (those that do leave
    alone what is compressed).
    """
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": cache, **SAFE}
    if request.method == "GET" and tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    text_kind = kind.startswith("text/") or kind == "application/json"
    if text_kind and len(body) >= COMPRESSED_FROM and _takes_gzip(request):
        body = gzip.compress(body, LEVEL)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(body, media_type=kind, headers=headers)


def _takes_gzip(request: Request) -> bool:
    accepted = request.headers.get("accept-encoding", "").lower().split(",")
    return any(one.partition(";")[0].strip() == "gzip" for one in accepted)
