"""What every route that changes something asks first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from fastapi import HTTPException, Request

from ...errors import FileError, LiveLoraError, OnlineError, StateError
from ...library.catalog import Catalog
from ...library.lora_file import LoraFile
from .answers import SAFE, entry_of

Value = TypeVar("Value")
MOST_IDS = 50_000
LARGEST_PICTURE = 16 << 20  # bytes
PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/avif")
VIDEOS = ("video/mp4", "video/webm")
ClosedCallback = Callable[[], str | None]
StrangerCallback = Callable[[Mapping[str, str]], str | None]  # of a request's headers


def demand_open(closed_of: ClosedCallback) -> Callable[[], None]:
    """A dependency: 403 with the reason where strangers may reach the page."""

    def check() -> None:
        if reason := closed_of():
            raise HTTPException(403, reason, SAFE)

    return check


def demand_own_page(stranger_of: StrangerCallback) -> Callable[[Request], None]:
    """A dependency: 403 with the reason for requests that another site's page has sent."""

    def check(request: Request) -> None:
        if reason := stranger_of(request.headers):
            raise HTTPException(403, reason, SAFE)

    return check


async def picture_only(request: Request) -> bytes:
    """The body, a picture that is sent as such, which other sites cannot do unasked."""
    return await _body_of(request, PICTURES)


async def preview_only(request: Request) -> bytes:
    """The same, or a video."""
    return await _body_of(request, (*PICTURES, *VIDEOS))


async def _body_of(request: Request, kinds: tuple[str, ...]) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        raise HTTPException(415, f"send one of {', '.join(kinds)}", SAFE)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_PICTURE:
            raise HTTPException(413, f"send at most {LARGEST_PICTURE:,} bytes", SAFE)
    return bytes(body)


def carried_out(work: Callable[[], Value]) -> Value:
    """The result; 409 where something else is under way, 422 with the reason for other errors."""
    try:
        return work()
    except StateError as error:
        raise HTTPException(409, str(error), SAFE) from error
    except (ValueError, LiveLoraError) as error:
        status = 404 if isinstance(error, FileError) and error.code == "gone" else 422
        status = 502 if isinstance(error, OnlineError) and error.code == "no-answer" else status
        raise HTTPException(status, str(error), SAFE) from error


def entries_of(catalog: Catalog, content: Mapping[str, Any]) -> list[LoraFile]:
    """The files of `ids`; all where there is none. 404, 422."""
    ids = content.get("ids")
    if ids is None:
        return list(catalog.entries)
    if not isinstance(ids, list) or len(ids) > MOST_IDS:
        raise HTTPException(422, f"ids is a list of up to {MOST_IDS:,}", SAFE)
    return [entry_of(catalog, str(id)) for id in ids]


def named_entries(catalog: Catalog, content: Mapping[str, Any]) -> list[LoraFile]:
    """The same, where all must not be meant by mistake."""
    if not content.get("ids"):
        raise HTTPException(422, "ids: name one file or more", SAFE)
    return entries_of(catalog, content)


def root_of_request(catalog: Catalog, content: Mapping[str, Any]) -> Path:
    """The library folder by its number, from 0. 422."""
    number = content.get("library", 0)
    if type(number) is not int or not 0 <= number < len(catalog.folders):
        raise HTTPException(422, f"library: 0 to {len(catalog.folders) - 1}", SAFE)
    return catalog.folders[number]


def text(content: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """A field that is a text. 422."""
    value = content.get(key, default)
    if not isinstance(value, str):
        raise HTTPException(422, f"{key} is a text", SAFE)
    return value


def texts(content: Mapping[str, Any], key: str) -> list[str]:
    """A field that is a list of texts, empty where it is missing. 422."""
    value = content.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise HTTPException(422, f"{key} is a list of texts", SAFE)
    return value


def number(content: Mapping[str, Any], key: str, default: int | None = None) -> int:
    """A field that is a whole number, from 0. 422."""
    value = content.get(key, default)
    if type(value) is not int or value < 0:
        raise HTTPException(422, f"{key} is a whole number", SAFE)
    return value
