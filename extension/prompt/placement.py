"""Where tags stand in a prompt: in which part of `a AND b`, in which brackets; and what is left."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from ..records import Span
from .brackets import read_brackets
from .render import substituted
from .schedules import Schedule, conditions, without_marks
from .words.parts import AND, before_weight


@dataclass(frozen=True, slots=True)
class TagContext:
    """The place of one tag. `part` is None in a negative prompt, which has no parts."""

    part: int | None = 0
    schedule: Schedule | None = None
    ignored: bool = False  # in a bracket of a text whose schedules the host ignores


def locate(
    prompt: str, spans: Sequence[Span], *, schedules: bool, negative: bool, old: bool = False
) -> tuple[str, list[TagContext]]:
    """The prompt without the spans, and the context of each."""
    mark = _unused(prompt)
    if mark is None:
        return substituted(prompt, ((span, "") for span in spans)), [TagContext()] * len(spans)
    marked = substituted(prompt, ((span, mark) for span in spans))
    pieces = [marked] if negative else _parts(marked, mark)
    contexts: list[TagContext] = []
    texts: list[str] = []
    for index, piece in enumerate(pieces):
        part = None if negative else index // 2  # every other piece is an AND
        if schedules and mark in piece and "[" in piece:
            text, here = _read(piece, mark, TagContext(part), old)
        else:
            text, here = piece.replace(mark, ""), [TagContext(part)] * piece.count(mark)
        texts.append(text)
        contexts += here
    text = "".join(texts)
    # Blanks around a tag are nothing to encode: SDXL treats an empty negative prompt specially.
    return text if text.strip() else "", contexts


def _read(piece: str, mark: str, context: TagContext, old: bool) -> tuple[str, list[TagContext]]:
    """What is left of one part, and the contexts of its marks; `context` is that of one outside."""
    end = before_weight(piece)
    body, rest = piece[:end], piece[end:]
    found = read_brackets(body, mark)
    contexts = [
        TagContext(
            context.part,
            None if condition is None else Schedule(condition, old),
            ignored=found.rejected and bracket >= 0 and body[bracket] == "[",
        )
        for (bracket, _), condition in zip(found.marks, conditions(found), strict=True)
    ]
    text = without_marks(body, mark, found) + rest.replace(mark, "")
    return text, [*contexts, *[context] * rest.count(mark)]


def _parts(marked: str, mark: str) -> list[str]:
    """[part, AND, part, …]: split where the host splits the text that is left."""
    clean = marked.replace(mark, "")
    marks = [found.start() - index for index, found in enumerate(re.finditer(mark, marked))]
    pieces, position = [], 0
    for found in AND.finditer(clean):
        start = found.start() + bisect_right(marks, found.start())
        end = found.end() + bisect_left(marks, found.end())
        pieces += [marked[position:start], marked[start:end]]
        position = end
    return [*pieces, marked[position:]]


def _unused(text: str) -> str | None:
    """A character of a private use area that the text does not hold; None if it holds them all."""
    return next((sign for sign in map(chr, range(0xE000, 0xF8FF)) if sign not in text), None)
