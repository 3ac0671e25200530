"""A number that changes over the steps: `0@0;1@0.5`, wherever a weight may stand.

Points are separated by `;` or `,`; `w@p` is the weight at a position (see position.py), linear in
between and constant outside. A word after a point names the easing that leads to it. `w~p` is
loractl's way to write `w@p`, and a later point without a position is at the end, as there.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar

from lark import Token, Transformer

from ...records import Progress
from ..diagnostics import closest, did_you_mean
from ..grammar import Grammar, Unreadable
from ..numbers import NUMBER, finite_number, what_was_found, with_point
from ..position import POSITIONS, Position, read_position, varies_by
from .base import WrittenArgument

WEIGHTS = "a number (0.8) or a curve (0@0;1@0.5)"
GRAMMAR = rf"""
curve: point ((";" | ",") point)*
point: NUMBER [("@" | "~") POSITION] [EASING]
NUMBER: /{NUMBER}/
POSITION: /[sS][\d.]+|{NUMBER}/
EASING: /[a-z]+(-[a-z]+)*/i
%ignore /\s+/
"""

_PERCENT = re.compile(r"(\d+\.?\d*)\s*%")

# Ways from one point to the next: t from 0 to 1 gives the share of the way.
EASINGS: dict[str, Callable[[float], float]] = {
    "linear": lambda t: t,
    "hold": lambda t: 0.0,  # stay, and jump at the point
    "smooth": lambda t: t * t * (3 - 2 * t),
    "ease-in": lambda t: t * t,
    "ease-out": lambda t: t * (2 - t),
    "ease-in-out": lambda t: t * t * (3 - 2 * t),
    "cubic-in": lambda t: t**3,
    "cubic-out": lambda t: 1 - (1 - t) ** 3,
    "cubic-in-out": lambda t: 4 * t**3 if t < 0.5 else 1 - 4 * (1 - t) ** 3,
    "sine": lambda t: (1 - math.cos(math.pi * t)) / 2,
}


@dataclass(frozen=True, slots=True)
class Point:
    """A weight, where it is reached, and how."""

    value: float
    where: Position
    easing: str = "linear"

    @property
    def words(self) -> str:
        """For people."""
        way = "" if self.easing == "linear" else f" ({self.easing})"
        return f"{self.value:g} {self.where.words('at')}{way}"


@dataclass(frozen=True, slots=True)
class _Knots:
    """The points of a curve on one scale, in order."""

    places: tuple[float, ...]
    points: tuple[Point, ...]

    def at(self, place: float) -> float:
        """The weight at `place`."""
        after = bisect_right(self.places, place)
        if after == 0:
            return self.points[0].value
        left, right = self.points[after - 1], self.points[min(after, len(self.points) - 1)]
        if left is right:
            return left.value
        start, end = self.places[after - 1], self.places[after]
        share = EASINGS[right.easing]((place - start) / (end - start))
        return left.value + share * (right.value - left.value)


@dataclass(frozen=True, slots=True)
class Curve:
    """Weights over the positions of a pass."""

    points: tuple[Point, ...]
    _knots: dict[int, _Knots] = field(default_factory=dict, compare=False, repr=False)

    @property
    def varies(self) -> frozenset[str]:
        """On what it depends: see Factor."""
        return varies_by(point.where for point in self.points)

    def at(self, progress: Progress) -> float:
        """The weight at this step; over σ it rises in time as σ falls."""
        if self.points[0].where.unit == "sigma":
            sigma = progress.sigma
            return self.points_at(0).at(float("-inf") if sigma is None else -sigma)
        return self.points_at(progress.steps).at(progress.fraction)

    @property
    def words(self) -> str:
        """Its points, one after the other."""
        return " → ".join(point.words for point in self.points)

    def points_at(self, steps: int) -> _Knots:
        """The points sorted for a pass of so many steps; kept, as they are asked for each step."""
        knots = self._knots.get(steps)
        if knots is None:
            placed = sorted(((_place(point, steps), point) for point in self.points), key=_first)
            knots = _Knots(tuple(place for place, _ in placed), tuple(point for _, point in placed))
            self._knots[steps] = knots
        return knots


Value = float | Curve


def value_words(value: Value) -> str:
    """`0.8`, or `0 at the start → 1 at 50 % (smooth)`."""
    return value.words if isinstance(value, Curve) else f"{value:g}"


def _first(pair: tuple[float, Point]) -> float:
    return pair[0]


def _place(point: Point, steps: int) -> float:
    where = point.where
    return -where.amount if where.unit == "sigma" else where.fraction(steps)


class _Points(Transformer[Token, Value]):
    def point(self, parts: Sequence[Token | None]) -> tuple[Token, Token | None, Token | None]:
        value, where, easing = parts
        assert value is not None
        return value, where, easing

    def curve(self, parts: Sequence[tuple[Token, Token | None, Token | None]]) -> Value:
        if len(parts) > 1 and parts[0][1] is None:
            raise Unreadable("the first point needs a position, as in 1@0;0@0.5")
        # A 1 among fractions is the end, as loractl has it; among steps it is the first step.
        fractions = all(where is None or (finite_number(where) or 0) <= 1 for _, where, _ in parts)
        points = tuple(_point(*part, fractions) for part in parts)
        if len({point.where.unit == "sigma" for point in points}) > 1:
            raise Unreadable("sigma cannot be mixed with steps or fractions in one curve")
        return Curve(points) if len({point.value for point in points}) > 1 else points[0].value


def _point(value: Token, where: Token | None, easing: Token | None, fractions: bool) -> Point:
    amount = finite_number(value)
    if amount is None:
        raise Unreadable(
            f"expected a number, {what_was_found(value)}", value.start_pos or 0, value.end_pos
        )
    try:
        place = read_position(where or "1", one="fraction" if fractions else "step")
    except Unreadable as error:
        assert where is not None
        raise Unreadable(error.message, where.start_pos or 0, where.end_pos) from None
    name = "linear" if easing is None else easing.lower()
    if name not in EASINGS:
        assert easing is not None
        expected = f"expected an easing ({', '.join(EASINGS)}), found {str(easing)!r}"
        hint, close = did_you_mean(easing, EASINGS), closest(easing, EASINGS)
        raise Unreadable(expected + hint, easing.start_pos or 0, easing.end_pos, close)
    return Point(amount, place, name)


_TERMINALS = {
    "NUMBER": "a number",
    "POSITION": POSITIONS,
    "AT": '"@" and a position',
    "SEMICOLON": '";" and another point',
    "EASING": "an easing such as smooth",
    "$END": "nothing more",
}
_READER = Grammar(GRAMMAR, _Points, WEIGHTS, start="curve", terminals=_TERMINALS)


@lru_cache(maxsize=1024)
def read_weight(text: str) -> Value:
    """A number, or a curve. Raises Unreadable."""
    plain = finite_number(text)
    if plain is not None:
        return plain
    if "@" not in text and "~" not in text:
        raise Unreadable(f"expected {WEIGHTS}, {what_was_found(text)}", fix=with_point(text))
    if "%" in text:
        raise _percentage(text)
    read: Value = _READER.read(text)
    return read


class WeightArguments:
    """Of features whose values are weights: how they are read, and that the tag hangs on them."""

    is_weight: ClassVar[bool] = True

    @classmethod
    def read(cls, written: WrittenArgument) -> Value:
        """A number, or a curve. Raises Unreadable."""
        return read_weight(written.text)


def _percentage(text: str) -> Unreadable:
    message = "expected a fraction, not a percentage: 0.5 for 50%"
    found = _PERCENT.search(text)
    if found is None:
        return Unreadable(message, text.index("%"))
    return Unreadable(message, found.start(), found.end(), f"{float(found[1]) / 100:g}")
