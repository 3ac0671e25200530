"""Tags → text: the canonical form, and a text with some of its spans written anew."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..records import Span

# Python and JavaScript disagree on a few blanks: what either cuts off is quoted by both.
_BLANK_END = r"^[\s\ufeff]|[\s\ufeff]$|^$"
_SPECIAL = re.compile(rf'[:<>="\\]|{_BLANK_END}')
_SPECIAL_IN_VALUE = re.compile(r'[:<>"\\]|^$')


def quoted(text: str, signs: re.Pattern[str] = _SPECIAL) -> str:
    """`text` as a name or positional value: in quotation marks where it would be misread."""
    if not signs.search(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def quoted_value(text: str) -> str:
    """`text` as the value of a named argument."""
    return quoted(text.strip(), _SPECIAL_IN_VALUE)


def argument(name: str | None, value: str) -> str:
    """`name=value`, or the value alone."""
    return quoted(value.strip()) if name is None else f"{name}={quoted_value(value)}"


def tag_text(name: str, arguments: Iterable[tuple[str | None, str]] = ()) -> str:
    """`<lora:name:…>` with arguments of (name or None, value), which reads as exactly this."""
    return f"<{':'.join(['lora', quoted(name), *(argument(*one) for one in arguments)])}>"


def substituted(text: str, changes: Iterable[tuple[Span, str]]) -> str:
    """`text` with each span replaced; all else is untouched. The spans are in order."""
    pieces, position = [], 0
    for span, new in changes:
        pieces += [text[position : span.start], new]
        position = span.end
    return "".join([*pieces, text[position:]])
