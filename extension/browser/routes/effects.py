"""How strongly each LoRA acted, for the map under a picture; and a file's ΔW against the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from ...errors import LiveLoraError
from ...library.catalog import Catalog
from ...library.lora_file import LoraFile
from ..measured_shelf import MeasuredShelf
from .answers import SAFE, answer, entry_of

# Of one file or two, as session/static_effect.py has it; None while a picture is drawn.
EffectCallback = Callable[[Sequence[LoraFile]], dict[str, Any] | None]


def add_measured(routes: APIRouter, shelf: MeasuredShelf) -> None:
    """`measured/{name}`."""

    @routes.get("/measured/{name}")
    def measured(request: Request, name: str) -> Response:
        """{pictures: of each its passes, as session/measured.py has them}; 404 for an old one."""
        found = shelf.find(name)
        if found is None:
            raise HTTPException(404, "what was measured is no longer kept", SAFE)
        return answer(request, {"pictures": found})


def add_effect(
    routes: APIRouter, catalog_of: Callable[[], Catalog], effect_of: EffectCallback
) -> None:
    """`file/{id}/effect`."""

    @routes.get("/file/{id}/effect")
    def effect(request: Request, id: str, other: str = "") -> Response:
        """Its ΔW against the model's W, block by block, and the overlap with another file."""
        catalog = catalog_of()
        files = [entry_of(catalog, one) for one in (id, other) if one]
        try:
            found = effect_of(files)
        except LiveLoraError as error:
            raise HTTPException(422, str(error), SAFE) from error
        if found is None:
            raise HTTPException(409, "no model is loaded, or a picture is being drawn", SAFE)
        return answer(request, found)
