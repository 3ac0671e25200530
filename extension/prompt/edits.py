"""Edits of one tag: the span that an edit is about changes, the rest stays as the user wrote it.

The page makes the same edits (browser/static/edits.mjs); tests/cases/edits.json holds both to it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..records import Span
from .argument import Argument, WrittenTag
from .render import argument, quoted, quoted_value, substituted

Change = tuple[Span, str]


def with_name(tag: WrittenTag, name: str) -> str:
    """The tag's text for another file."""
    return substituted(tag.source, [(_inside(tag, tag.name_span), quoted(name))])


def with_values(tag: WrittenTag, values: Mapping[str, str | None]) -> str:
    """The tag's text with these arguments set, or taken out where the value is None.

    `weight` sets one number for text encoder and UNet; `te` leaves the UNet's weight alone. What
    is there already is set where it stands, what is new comes last. Of weight, te and unet only
    one can be among `values`.
    """
    changes = [change for name, value in values.items() for change in _changes(tag, name, value)]
    changes.sort(key=_first)
    return substituted(tag.source, [(_inside(tag, span), text) for span, text in changes])


def _changes(tag: WrittenTag, name: str, value: str | None) -> list[Change]:
    if name == "weight":
        return _weight(tag, value)
    if name == "te":
        return _te(tag, value)
    if value is None:
        return _removed(tag, {name})
    if (one := counted(tag, name)) is not None:
        return [_replaced(tag, one, value)]
    return [_added(tag, name, value)]


def _weight(tag: WrittenTag, value: str | None) -> list[Change]:
    """One number: te's place is the place of both, and unet goes."""
    if value is None:
        return _removed(tag, {"te", "unet"})
    te = counted(tag, "te")
    end = tag.name_span.end
    first = (Span(end, end), f":{quoted(value)}") if te is None else _replaced(tag, te, value)
    return [first, *_removed(tag, {"unet"})]


def _te(tag: WrittenTag, value: str | None) -> list[Change]:
    """The UNet, whose weight is te's where it has none of its own, is given that one to keep."""
    te, unet = counted(tag, "te"), counted(tag, "unet")
    if value is None and te is None:
        return []
    kept = [] if unet is not None else [_added(tag, "unet", te.value if te else "1")]
    if value is None:
        return [*_removed(tag, {"te"}), *kept]
    return [_added(tag, "te", value) if te is None else _replaced(tag, te, value), *kept]


def counted(tag: WrittenTag, name: str) -> Argument | None:
    """The argument whose value counts: the last that is named, else the positional one."""
    found = [one for one in tag.arguments if _called(one) == name]
    return max(found, key=lambda one: (one.name is not None, one.span), default=None)


def _called(one: Argument) -> str | None:
    return one.means or one.name


def _replaced(tag: WrittenTag, one: Argument, value: str) -> Change:
    """The value alone, without its key and the blanks around it."""
    written = _inside(tag, one.span)
    start = written.start if one.name is None else tag.source.index("=", written.start) + 1
    text = tag.source[start : written.end]
    start += tag.span.start + len(text) - len(text.lstrip())
    span = Span(start, start + len(text.strip()))
    return span, quoted(value) if one.name is None else quoted_value(value)


def _added(tag: WrittenTag, name: str, value: str) -> Change:
    end = tag.span.end - 1
    return Span(end, end), f":{argument(name, value)}"


def _removed(tag: WrittenTag, names: set[str]) -> list[Change]:
    """Takes arguments out with their colon; positional ones behind one that goes get names.

    `a:1:0.5` without te is `a:unet=0.5`; one without a meaning would get one, so it goes as well.
    """
    changes: list[Change] = []
    moved = False
    for one in tag.arguments:
        span = Span(one.span.start - 1, one.span.end)
        if _called(one) in names:
            moved = moved or one.name is None
            changes.append((span, ""))
        elif moved and one.name is None:
            changes.append((span, f":{argument(one.means, one.value)}" if one.means else ""))
    return changes


def _inside(tag: WrittenTag, span: Span) -> Span:
    return Span(span.start - tag.span.start, span.end - tag.span.start)


def _first(change: Change) -> Span:
    return change[0]
