"""Which dialect a key is written in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from ..records import Shapes
from .base import FORMATS, LayerRef

LONGEST = 512  # characters of a module part; real ones have up to 120


def names() -> tuple[str, ...]:
    """Every dialect known."""
    return tuple(dialect.name for dialect in FORMATS)


def place(module: str) -> LayerRef | None:
    """The layer that the module part of a key names; None when no dialect knows one."""
    if len(module) > LONGEST:
        return None
    match = _any_prefix(len(FORMATS.owners)).match(module)
    return FORMATS.owners[match[0]].target(module, match[0]) if match else None


def spell(shapes: Shapes, metadata: Mapping[str, str]) -> Mapping[str, str]:
    """Respelt keys of a file written in a dialect of whole files; empty for all others."""
    for dialect in FORMATS:
        if respelt := dialect.spell(shapes, metadata):
            return respelt
    return {}


@lru_cache(maxsize=1)
def _any_prefix(count: int) -> re.Pattern[str]:
    """All prefixes, the longest first; `count` of them, so that a dialect found later is in it."""
    prefixes = sorted(map(str, FORMATS.owners), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, prefixes)))
