"""Where in a sampling pass: a step, a fraction of the pass, or a noise level."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..records import Progress
from .grammar import Unreadable
from .numbers import finite_number, with_point

POSITIONS = "a step (8), a fraction (0.4) or a sigma (s7.5)"
Unit = Literal["step", "fraction", "sigma"]


@dataclass(frozen=True, slots=True)
class Position:
    """`step`: k steps are finished. `fraction`: 0 to 1, the last step is at 1. `sigma`: σ."""

    unit: Unit
    amount: float

    def fraction(self, steps: int) -> float:
        """On the scale of Progress.fraction, in a pass of `steps` steps; not for sigma."""
        if self.unit == "step":
            return self.amount / (steps - 1) if steps > 1 else self.amount
        return self.amount

    def words(self, before: Literal["at", "from", "until"]) -> str:
        """For people: `at 40 %`, `from noise level 7.5`, `until 8 steps are done`."""
        if self.unit == "sigma":
            return f"{before} noise level {self.amount:g}"
        if self.unit == "step":
            steps = f"{self.amount:g} step{'s' * (self.amount != 1)}"
            return f"until {steps} are done" if before == "until" else f"after {steps}"
        ends = {0.0: "the start", 1.0: "the end"}
        return f"{before} {ends.get(self.amount) or f'{self.amount * 100:.4g} %'}"

    def reached(self, progress: Progress) -> bool:
        """True from this position on. Where a host does not know σ, it is as at the beginning."""
        if self.unit == "sigma":
            return progress.sigma is not None and progress.sigma <= self.amount
        return progress.fraction >= self.fraction(progress.steps)


def varies_by(positions: Iterable[Position | None]) -> frozenset[str]:
    """On what an amount with these positions depends: the words of Factor.varies."""
    units = {one.unit for one in positions if one is not None}
    return frozenset({"progress", "sigma"} if "sigma" in units else {"progress"})


# What a text encoder sees: it runs once, before the first step.
BEGINNING = Progress()


def read_position(text: str, *, one: Unit = "step") -> Position:
    """`8` finished steps, `0.4` of the pass, `s7.5` for σ = 7.5. Raises Unreadable.

    Numbers with a point up to 1 are fractions; `7.5` is steps. A bare `1` is read as `one` says.
    """
    word = text.strip()
    sigma = word[:1] in {"s", "S"}
    amount = finite_number(word[1:] if sigma else word)
    if amount is None or amount < 0:
        raise Unreadable(f"expected {POSITIONS}, {_found(word)}", fix=_meant(word))
    if sigma:
        return Position("sigma", amount)
    if amount > 1:
        return Position("step", amount)
    if word.lstrip("+") == "1":
        return Position(one, 1.0)
    return Position("fraction", amount)


def _found(word: str) -> str:
    if (meant := _meant(word)) is not None:
        return f"found {word!r}; write {meant} instead"
    return f"found {word!r}" if word else "found nothing"


def _meant(word: str) -> str | None:
    """The fraction that a percentage is, or the number without its decimal comma."""
    percent = finite_number(word[:-1]) if word.endswith("%") else None
    return f"{percent / 100:g}" if percent is not None and 0 <= percent <= 100 else with_point(word)
