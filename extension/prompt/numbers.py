"""Numbers as a prompt writes them: what Python's float takes, but finite."""

from __future__ import annotations

import math
import re

from .grammar import Unreadable

# A terminal for grammars; `float` has the last word (`1__0` is none).
NUMBER = r"[+-]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?"

_COMMA = re.compile(r"\s*[+-]?\d*,\d+\s*")


# Far beyond sense, and the product of three is still a float.
LARGEST = 1e100


def finite_number(text: str) -> float | None:
    """The number, or None where `text` is none, or nan, or too large."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) <= LARGEST else None


def read_number(text: str, expected: str = "a number") -> float:
    """The number that the whole text is. Raises Unreadable."""
    value = finite_number(text)
    if value is None:
        raise Unreadable(f"expected {expected}, {what_was_found(text)}", fix=with_point(text))
    return value


def with_point(text: str) -> str | None:
    """The number as it is written here, of one with a decimal comma; else None."""
    return text.strip().replace(",", ".") if _COMMA.fullmatch(text) else None


def read_whole_number(text: str, expected: str, least: int = 1) -> int:
    """A whole number from `least` on. Raises Unreadable."""
    try:
        value = int(text)
    except ValueError:
        raise Unreadable(f"expected {expected}, {what_was_found(text)}") from None
    if value < least:
        raise Unreadable(f"expected {expected}, at least {least}, {what_was_found(text)}")
    return value


def what_was_found(text: str) -> str:
    """What stands there instead, and what may have been meant."""
    if not text.strip():
        return "found nothing"
    shown = text.strip() if len(text) <= 40 else text.strip()[:39] + "…"
    if (meant := with_point(text)) is not None:
        return f"found {shown!r}; did you mean {meant!r}?"
    return f"found {shown!r}{_finiteness(text)}"


def _finiteness(text: str) -> str:
    try:
        value = float(text)
    except ValueError:
        return ""
    if math.isfinite(value):
        return ", which is too large" if abs(value) > LARGEST else ""
    return ", which is not finite"
