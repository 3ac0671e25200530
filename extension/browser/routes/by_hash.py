"""For other programs: a file's facts, trigger words and picture by any of its hashes.

Found are files that were hashed by now. Documented in docs/library.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from ...errors import FileError
from ...library import preview
from ...library.catalog import Catalog
from ...library.hashes import is_hash
from ...library.lora_file import LoraFile
from .. import cards
from .answers import ASK_EACH_TIME, SAFE, answer, tagged

FACTS = (
    *("id", "name", "relative", "alias", "base", "size", "mtime", "error"),
    *("used", "last_used", "weight", "words", "triggers", "negative", "tags"),
    *("description", "civitai", "hashes"),
)


def add_by_hash(
    reading: APIRouter, catalog_of: Callable[[], Catalog], model_of: Callable[[], str | None]
) -> None:
    """Three readings."""

    @reading.get("/hash/{hash}")
    def facts(request: Request, hash: str) -> Response:
        """What is known of the file."""
        catalog = catalog_of()
        found = cards.details(_file(catalog, hash), model_of(), catalog.folders)
        return answer(request, {key: found[key] for key in FACTS if key in found})

    @reading.get("/hash/{hash}/words")
    def words(request: Request, hash: str) -> Response:
        """`words` as the user has written them; else the site's `triggers`, one text a group."""
        return answer(request, _words(_file(catalog_of(), hash)))

    @reading.get("/hash/{hash}/preview")
    def picture(request: Request, hash: str) -> Response:
        """Its thumbnail."""
        catalog = catalog_of()
        try:
            entry = _file(catalog, hash)
            found = preview.cached_thumbnail(entry, catalog.folders, catalog.cache)
        except FileError as error:
            raise HTTPException(404, str(error), SAFE) from error
        return tagged(request, found.content, found.media_type, ASK_EACH_TIME)


def _file(catalog: Catalog, hash: str) -> LoraFile:
    """422 for what is no hash, 404 where no file is known to have it."""
    if not is_hash(hash):
        raise HTTPException(422, "a hash has 6 to 64 hexadecimal digits", SAFE)
    entry = catalog.by_hash(hash)
    if entry is None:
        left = len(catalog.unhashed)
        note = f" ({left:,} files are not hashed yet)" if left else ""
        raise HTTPException(404, f"no file is known to have this hash{note}", SAFE)
    return entry


def _words(entry: LoraFile) -> dict[str, Any]:
    found = entry.sidecar
    return {
        "name": entry.name,
        "words": found.activation_text,
        "triggers": found.trigger_words,
        "negative": found.negative_text,
        "weight": found.preferred_weight,
    }
