"""Mask pictures: those that a person draws on the page, and those that are there."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from ...library.mask_pictures import MaskPictures
from ...prompt.arguments.base import WrittenArgument
from ...prompt.arguments.mask import Masks
from ...prompt.grammar import Unreadable
from .answers import ASK_EACH_TIME, SAFE, answer, tagged
from .writing import carried_out, picture_only

MasksCallback = Callable[[], MaskPictures]
KINDS = {"png": "png", "webp": "webp", "jpg": "jpeg", "jpeg": "jpeg", "bmp": "bmp"}


def add_masks(routes: APIRouter, writing: APIRouter, masks_of: MasksCallback) -> None:
    """`masks` and `mask`."""

    @routes.get("/masks")
    def masks(request: Request) -> Response:
        """The names that `mask=` can have, besides its own words."""
        return answer(request, {"names": masks_of().names})

    @routes.get("/mask")
    def mask(request: Request, name: str) -> Response:
        """The picture of this name; 422 where there is none, or where it cannot be read."""
        pictures = masks_of()
        carried_out(lambda: pictures.open(name))  # nothing else than pictures leaves the folder
        path = pictures.find(name)
        kind = KINDS[path.suffix.lower().removeprefix(".")]
        return tagged(request, path.read_bytes(), f"image/{kind}", ASK_EACH_TIME)

    @writing.post("/masks")
    async def keep(request: Request, name: str) -> Response:
        """The body, a picture, is stored; `{name}` is what `mask=` calls it, perhaps numbered."""
        body = await picture_only(request)
        if not is_name(name):
            raise HTTPException(422, f"mask={name} means a region: choose another name", SAFE)
        kept = await run_in_threadpool(lambda: carried_out(lambda: masks_of().keep(name, body)))
        return answer(request, {"name": kept})


def is_name(text: str) -> bool:
    """Whether `mask=` takes this text for a picture's name."""
    try:
        return Masks.read(WrittenArgument(text)).box is None
    except Unreadable:
        return False
