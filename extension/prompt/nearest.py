"""The word that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that looks most like `word`, if one does."""
    return _nearest(word[:32].lower(), tuple(known))


@lru_cache(maxsize=256)
def _nearest(word: str, known: tuple[str, ...]) -> str | None:
    lowered = {name.lower(): name for name in known}
    close = get_close_matches(word, lowered, n=1, cutoff=0.5)
    return lowered[close[0]] if close else None
