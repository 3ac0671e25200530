"""Which prefix belongs to which dialect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Format, LayerRef

Shapes = Mapping[str, tuple[int, ...]]

LONGEST = 512  # characters of a module part; real ones have up to 120

_owners: dict[str, Format] = {}  # prefix -> dialect
_formats: list[Format] = []
_pattern: list[re.Pattern[str]] = []  # one, of all prefixes, the longest first


def register(dialect: Format) -> None:
    """Called for every named subclass; two claims on one prefix are a TypeError."""
    for prefix in dialect.prefixes:
        if prefix in _owners:
            raise TypeError(f"{dialect.name} and {_owners[prefix].name} both claim {prefix!r}")
        _owners[prefix] = dialect
    _formats.append(dialect)
    _pattern.clear()


def names() -> tuple[str, ...]:
    """Every dialect known."""
    return tuple(dialect.name for dialect in _formats)


def place(module: str) -> LayerRef | None:
    """The layer that the module part of a key names; None when no dialect knows one."""
    if len(module) > LONGEST:
        return None
    if not _pattern:
        longest_first = sorted(map(re.escape, _owners), key=len, reverse=True)
        _pattern.append(re.compile("|".join(longest_first)))
    match = _pattern[0].match(module)
    return _owners[match[0]].target(module, match[0]) if match else None


def spell(shapes: Shapes, metadata: Mapping[str, str]) -> Mapping[str, str]:
    """Respelt keys of a file written in a dialect of whole files; empty for all others."""
    for dialect in _formats:
        if respelt := dialect.spell(shapes, metadata):
            return respelt
    return {}
