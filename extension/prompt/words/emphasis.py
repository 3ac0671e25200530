r"""Emphasis: `(x)` is 1.1 times, `[x]` 1/1.1 times, `(x:1.3)` 1.3 times as strong, as in the webui.

Brackets inside each other multiply. One that is never closed counts to the end of the text; a
closing one without its opener is text, and so is everything behind a backslash: `\(`, `\[`, `\\`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

STRONGER = 1.1
_SIGN = re.compile(r"\\.?|[()\[\]]|:\s*([+-]?[.\d]+)\s*\)", re.DOTALL)
_ESCAPED = set("()[]\\")
_BREAK = re.compile(r"\s*\bBREAK\b\s*")


class EmphasisRun(NamedTuple):
    """A stretch of text of one weight."""

    text: str
    weight: float = 1.0

    @property
    def breaks(self) -> bool:
        """BREAK, which begins a new chunk.

        It is marked by a weight of -1, which brackets around it multiply: there the webui reads
        the word "break" with that weight instead, and so do we.
        """
        return self.text == "BREAK" and self.weight == -1


def emphasis_of(text: str) -> list[EmphasisRun]:
    """The runs of a text, neighbours of one weight joined; at least one."""
    reading = _Reading()
    reading.read(text)
    return list(_joined(reading.runs)) or [EmphasisRun("")]


class _Reading:
    """One pass over the text; `runs` are [text, weight]."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, float]] = []
        self.opened: dict[str, list[int]] = {"(": [], "[": []}

    def read(self, text: str) -> None:
        position = 0
        for sign in _SIGN.finditer(text):
            self.words(text[position : sign.start()])
            position = sign.end()
            if sign[0][0] == "\\":
                position = self.escaped(sign)
            elif sign[0] in "([":
                self.opened[sign[0]].append(len(self.runs))
            else:
                self.close(sign)
        self.words(text[position:])
        for starts, factor in ((self.opened["("], STRONGER), (self.opened["["], 1 / STRONGER)):
            self.multiply_all(starts, factor)

    def words(self, text: str) -> None:
        """Text without signs, divided at each BREAK."""
        for index, piece in enumerate(_BREAK.split(text) if text else ()):
            if index:
                self.runs.append(("BREAK", -1.0))
            self.runs.append((piece, 1.0))

    def escaped(self, sign: re.Match[str]) -> int:
        """Keeps the sign behind a backslash, or drops the backslash alone; where to go on."""
        kept = sign[0][1:] if sign[0][1:] in _ESCAPED else ""
        self.runs.append((kept, 1.0))
        return sign.start() + 1 + len(kept)

    def close(self, sign: re.Match[str]) -> None:
        starts = self.opened["[" if sign[0] == "]" else "("]
        number = _finite(sign[1]) if sign[1] else None
        if sign[1] and (number is None or not starts):
            # No number, as in `(a:1.2.3)`: text, in which the bracket closes as usual.
            self.words(sign[0] if number is not None else sign[0][:-1])
            if number is not None:
                return
        if not starts:
            self.words(sign[0][-1])
            return
        usual = 1 / STRONGER if sign[0] == "]" else STRONGER
        self.multiply(starts.pop(), usual if number is None else number)

    def multiply(self, start: int, factor: float) -> None:
        for index in range(start, len(self.runs)):
            text, weight = self.runs[index]
            self.runs[index] = (text, weight * factor)

    def multiply_all(self, starts: list[int], factor: float) -> None:
        """Every bracket that was left open, in one pass."""
        depth = 0
        for index, (text, weight) in enumerate(self.runs):
            while depth < len(starts) and starts[depth] <= index:
                depth += 1
            for _ in range(min(depth, _DEEPEST)):
                weight *= factor
            self.runs[index] = (text, weight)


_DEEPEST = 1000  # brackets: 1.1 ** 1000 is as good as none or all


def _finite(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _joined(runs: list[tuple[str, float]]) -> Iterator[EmphasisRun]:
    pieces: list[str] = []
    for index, (text, weight) in enumerate(runs):
        pieces.append(text)
        if index + 1 == len(runs) or runs[index + 1][1] != weight:
            yield EmphasisRun("".join(pieces), weight)
            pieces = []
