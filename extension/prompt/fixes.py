"""What to write instead of an argument that cannot be read, or that does nothing."""

from __future__ import annotations

from ..records import Fix, Span
from .grammar import Unreadable
from .render import quoted, quoted_value
from .split_tag import Item


def place(item: Item, error: Unreadable) -> Span:
    """The part of the item that the error is about."""
    end = item.end if error.end is None else item.value_start + error.end
    return Span(min(item.value_start + error.start, item.end), end)


def without(span: Span) -> Fix:
    """An argument goes with its colon."""
    return Fix(Span(span.start - 1, span.end), "")


def mended(item: Item, error: Unreadable) -> Fix | None:
    """The value as it was probably meant; a named argument that says nothing goes."""
    value = error.mended(item.value)
    if value is not None:
        written = quoted(value.strip()) if item.key is None else quoted_value(value)
        return Fix(Span(item.value_start, item.end), written)
    empty = item.key is not None and not item.value.strip()
    return without(Span(item.start, item.end)) if empty else None
