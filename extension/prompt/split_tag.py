"""One tag, split into its items by the grammar; nothing is understood yet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lark import Token, Transformer

from .grammar import Grammar

_ESCAPED = re.compile(r'\\([\\:<>"=])')
_IN_QUOTES = re.compile(r'\\(["\\])')


@dataclass(frozen=True, slots=True)
class Item:
    """What stands between two colons: `value`, or `key=value`.

    `start` and `end` count from the tag's `<`, `value_start` is where the value's text begins.
    `value` is without quotation marks and escapes; `written` is the item as it stands.
    """

    key: str | None
    value: str
    start: int
    end: int
    value_start: int
    written: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class SplitTag:
    """A tag before its arguments are read."""

    kind: str
    items: tuple[Item, ...]


class _Split(Transformer[Token, SplitTag]):
    def item(self, children: Sequence[Token | None]) -> list[Token | None]:
        return list(children)

    def tag(self, children: Sequence[Token | list[Token | None]]) -> SplitTag:
        head = children[0]
        assert isinstance(head, Token)
        items, start = [], len(head)
        for parts, sign in zip(children[1::2], children[2::2], strict=True):
            assert isinstance(parts, list)
            assert isinstance(sign, Token)
            end = sign.start_pos or 0
            items.append(_item(parts, start, end))
            start = end + 1
        return SplitTag(head[1:-1], tuple(items))


def _item(parts: Sequence[Token | None], start: int, end: int) -> Item:
    key, text = parts
    quoted = text is not None and text.type == "QUOTED"
    if quoted:
        value = _IN_QUOTES.sub(r"\1", str(text).strip()[1:-1])
    else:
        value = _ESCAPED.sub(r"\1", text or "")
    name = None if key is None else key[:-1].strip().lower()
    return Item(name, value, start, end, start + len(key or ""), (key or "") + (text or ""), quoted)


_GRAMMAR = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
_READER = Grammar(_GRAMMAR, _Split, "a tag <lora:name:weight>", start="tag")


@lru_cache(maxsize=1024)
def split_tag(tag: str) -> SplitTag:
    """The items of `<kind:…>`. Raises Unreadable."""
    items: SplitTag = _READER.read(tag)
    return items
