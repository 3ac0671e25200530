"""A tag in `[from:to:when]`, `[x::when]`, `[x:when]` or `[a|b]` is on where a word there would be.

The host decides by its own counter: an entry of its schedule holds while call ≤ end, with calls
counted from 0. A number with a point is a fraction of the pass, minus 1 in the hires pass; one
without is a count of calls, minus those of the first pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..records import Progress, Row, Target
from .brackets import Brackets, read_brackets
from .factor import Factor

_LONG = 1_000_000  # calls


class Clock(NamedTuple):
    """The pass as the host's schedules count it."""

    calls: int
    before: int  # calls of the passes before this one
    fraction_before: float

    def end(self, number: str) -> int:
        """The last call of what stands before `when`."""
        amount = float(number)
        left = (
            (amount - self.fraction_before) * self.calls if "." in number else amount - self.before
        )
        return self._whole(left)

    def _whole(self, calls: float) -> int:
        """In the range of the pass: `1e999` is a number to the host's grammar, too."""
        return int(max(0.0, min(calls, self.calls)))


class _OldClock(Clock):
    """The counter of the webui's option "use old prompt editing timelines": one for both passes."""

    def end(self, number: str) -> int:
        amount = float(number)
        return self._whole(amount * self.calls if amount < 1 else amount)


@dataclass(frozen=True, slots=True)
class Condition:
    """One bracket around a tag; all brackets from `outer` inwards must agree."""

    outer: Condition | None
    number: str = ""
    before: bool = False  # in front of `when`, or after it
    turn: int = 0
    turns: int = 0  # of `[a|b]`; 0 for a scheduled bracket

    def holds(self, call: int, clock: Clock) -> bool:
        """True in the entry that ends at `call`, from 1; the brackets further out are not asked."""
        if self.turns:
            return (call - 1) % self.turns == self.turn
        return (call <= clock.end(self.number)) == self.before


def agree(condition: Condition | None, call: int, clock: Clock) -> bool:
    """Whether this bracket and all around it have on what they hold."""
    while condition is not None:
        if not condition.holds(call, clock):
            return False
        condition = condition.outer
    return True


class Schedule(Factor):
    """1 while the brackets around a tag have it on, else 0; the text encoder follows."""

    varies = frozenset({"progress"})

    def __init__(self, condition: Condition, old: bool = False) -> None:
        self.condition = condition
        self.old = old

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        if progress.call is None and target.is_text:
            # A host without entries encodes once: what stands in the first entry of a long pass.
            progress = Progress(steps=_LONG, hires=progress.hires)
        return 1.0 if self.on(progress) else 0.0

    def on(self, progress: Progress) -> bool:
        """Whether a word in the tag's place would be in the text of this call."""
        clock = clock_of(progress, self.old)
        call = progress.step if progress.call is None else progress.call
        # Behind the last entry the host takes the first one again.
        call = max(1, call if call <= clock.calls else 0)
        return agree(self.condition, call, clock)


def clock_of(progress: Progress, old: bool = False) -> Clock:
    """How the host counts in this pass; `old` as its option for old timelines does."""
    calls = progress.steps if progress.calls is None else progress.calls
    first = calls if progress.first_calls is None else progress.first_calls
    if old:
        return _OldClock(first if progress.hires else calls, 0, 0.0)
    return Clock(calls, first, 1.0) if progress.hires else Clock(calls, 0, 0.0)


def conditions(found: Brackets) -> list[Condition | None]:
    """For each mark the brackets that decide about it; None for one that is always there."""
    if found.rejected:
        return [None] * len(found.marks)
    chains: dict[int, Condition | None] = {}
    for place, group in found.groups.items():  # outer ones come first
        chains[place] = chain(found, group.parent, group.slot, chains)
    return [chain(found, place, slot, chains) for place, slot in found.marks]


def chain(
    found: Brackets, place: int, slot: int, chains: Mapping[int, Condition | None]
) -> Condition | None:
    """The conditions on what stands in this slot of the group at this place."""
    group = found.groups.get(place)
    if group is None or group.meaning == "text":
        return None
    outer = chains[place]
    if group.meaning == "alternate":
        return Condition(outer, turn=slot, turns=group.parts)
    if group.meaning == "scheduled":
        return Condition(outer, group.number, before=group.parts == 3 and slot == 0)
    return outer


def without_marks(text: str, mark: str, found: Brackets) -> str:
    """`text` without its marks, such that the host sees the same schedules as with words there.

    Nearly always that is plain removal. Where it would make a number (`[a:<…>0.5]`), or free a
    bracket or an end from its backslash, the empty emphasis `()` stays, which no encoder sees.
    """
    plain = text.replace(mark, "")
    freed = re.sub(rf"(?<!\\)((?:\\\\)*)\\{mark}", rf"\1{mark}", text)
    for candidate in (plain, freed.replace(mark, "")):
        if read_brackets(candidate).signature == found.signature:
            return candidate
    return freed.replace(mark, "()")
