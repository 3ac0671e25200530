"""Where tags stand in a prompt: in which part of `a AND b`, in which brackets; and what is left."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from ..words import Span
from .brackets import brackets
from .schedules import Condition, Schedule, conditions, left

_AND = re.compile(r"\bAND\b")
_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?|\d*\.\d+)")


@dataclass(frozen=True, slots=True)
class Spot:
    """The place of one tag. `part` is None in a negative prompt, which has no parts."""

    part: int | None = 0
    schedule: Schedule | None = None


def place(
    prompt: str, spans: Sequence[Span], *, schedules: bool, negative: bool, old: bool = False
) -> tuple[str, list[Spot]]:
    """The prompt without the spans, and the spot of each."""
    mark = _unused(prompt)
    marked = _replace(prompt, spans, mark)
    pieces = [marked] if negative else _parts(marked, mark)
    spots: list[Spot] = []
    texts: list[str] = []
    for index, piece in enumerate(pieces):
        part = None if negative else index // 2  # every other piece is an AND
        text, found = _read(piece, mark) if schedules else (piece.replace(mark, ""), None)
        texts.append(text)
        for number in range(piece.count(mark)):
            condition = found[number] if found else None
            spots.append(Spot(part, None if condition is None else Schedule(condition, old)))
    text = "".join(texts)
    # Blanks around a tag are nothing to encode: SDXL treats an empty negative prompt specially.
    return text if text.strip() else "", spots


def _read(piece: str, mark: str) -> tuple[str, list[Condition | None]]:
    """What is left of one part, and the brackets around each of its marks."""
    if mark not in piece or "[" not in piece:
        return piece.replace(mark, ""), []
    end = _weight(piece)
    found = brackets(piece[:end], mark)
    rest = piece[end:]
    return left(piece[:end], mark, found) + rest.replace(mark, ""), [
        *conditions(found),
        *[None] * rest.count(mark),
    ]


def _weight(part: str) -> int:
    """Where the weight of `part :0.5` begins, with the blanks before it; the host cuts it off."""
    body = part.rstrip()
    colon = body.rfind(":")
    if colon >= 0 and _NUMBER.fullmatch(body, colon + 1):
        return len(body[:colon].rstrip())
    return len(body)


def _parts(marked: str, mark: str) -> list[str]:
    """[part, AND, part, …]: split where the host splits the text that is left."""
    clean = marked.replace(mark, "")
    marks = [found.start() - index for index, found in enumerate(re.finditer(mark, marked))]
    pieces, position = [], 0
    for found in _AND.finditer(clean):
        start = found.start() + bisect_right(marks, found.start())
        end = found.end() + bisect_left(marks, found.end())
        pieces += [marked[position:start], marked[start:end]]
        position = end
    return [*pieces, marked[position:]]


def _unused(text: str) -> str:
    """A character of a private use area that the text does not hold."""
    return next(sign for sign in map(chr, range(0xE000, 0xF8FF)) if sign not in text)


def _replace(text: str, spans: Sequence[Span], mark: str) -> str:
    pieces, position = [], 0
    for span in spans:
        pieces += [text[position : span.start], mark]
        position = span.end
    return "".join([*pieces, text[position:]])
