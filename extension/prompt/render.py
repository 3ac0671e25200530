"""Tags → text: the canonical form, and edits that touch one tag and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from ..records import Span


class Rendered(Protocol):
    """An argument: `name` is None for a positional one."""

    @property
    def name(self) -> str | None: ...
    @property
    def value(self) -> str: ...
    @property
    def means(self) -> str | None: ...


_SPECIAL = re.compile(r'[:<>="\\]')


def quoted(text: str, signs: re.Pattern[str] = _SPECIAL) -> str:
    """`text` as a name or positional value: in quotation marks where it would be misread."""
    if text == text.strip() and text and not signs.search(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_VALUE = re.compile(r'[:<>"\\]')


def argument(name: str | None, value: str) -> str:
    """`name=value`, or the value alone."""
    if name is None:
        return quoted(value.strip())
    return f"{name}={quoted(value.strip(), _VALUE)}"


def tag_text(name: str, arguments: Iterable[Rendered] = (), kind: str = "lora") -> str:
    """`<kind:name:…>`, which reads as exactly this."""
    parts = [kind, quoted(name), *(argument(one.name, one.value) for one in arguments)]
    return f"<{':'.join(parts)}>"


def substituted(text: str, changes: Iterable[tuple[Span, str]]) -> str:
    """`text` with each span replaced; all else is untouched. The spans are in order."""
    pieces, position = [], 0
    for span, new in changes:
        pieces += [text[position : span.start], new]
        position = span.end
    return "".join([*pieces, text[position:]])


class _Edited:
    """An argument that an edit makes."""

    def __init__(self, name: str | None, value: str, means: str | None) -> None:
        self.name = name
        self.value = value
        self.means = means


def with_value(arguments: Sequence[Rendered], means: str, value: str | None) -> list[Rendered]:
    """The arguments with one of them set, in the form it had; None takes it out.

    Positional ones behind one that goes get their names: `a:1:0.5` without te is `unet=0.5`.
    """
    kept: list[Rendered] = []
    gone = False
    for one in arguments:
        if one.means == means:
            if value is not None:
                kept.append(_Edited(one.name, value, means))
                continue
            gone = gone or one.name is None
        elif gone and one.name is None and one.means:
            kept.append(_Edited(one.means, one.value, one.means))
        else:
            kept.append(one)
    if value is not None and not any(one.means == means for one in arguments):
        kept.append(_Edited(means, value, means))
    return kept


def with_weight(arguments: Sequence[Rendered], value: str) -> list[Rendered]:
    """The arguments with one weight for text encoder and UNet: the first positional one."""
    rest = with_value(with_value(arguments, "te", None), "unet", None)
    return [_Edited(None, value, "te"), *(_named(one) for one in rest)]


def _named(one: Rendered) -> Rendered:
    return one if one.name or not one.means else _Edited(one.means, one.value, one.means)
