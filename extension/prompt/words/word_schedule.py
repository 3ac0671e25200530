"""`[from:to:when]` and `[a|b]` with words in them: which text is read in which call of the UNet.

By the same brackets, and the same counting, as tags have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ...records import Progress
from ..brackets import Brackets, read_brackets
from ..schedules import Clock, Condition, agree, chain, clock_of

_SIGN = re.compile(r"\\.|[\[\]():|]")
_CHOOSING = {"scheduled", "alternate"}


class WordEntry(NamedTuple):
    """The text that is read as long as call ≤ `end`, with calls counted from 0."""

    end: int
    text: str


class _Piece(NamedTuple):
    """A stretch of the text, and the brackets that have it on or off."""

    text: str
    condition: Condition | None


def entries_of(text: str, progress: Progress, *, old: bool = False) -> list[WordEntry]:
    """The entries of one part's text in a pass like that of `progress`, at least one.

    `progress` gives the number of calls, and whether it is the hires pass.
    """
    clock = clock_of(progress, old)
    found = read_brackets(text)
    if found.rejected or not any(group.meaning in _CHOOSING for group in found.groups.values()):
        return [WordEntry(clock.calls, text)]
    pieces = list(_pieces(text, found))
    return [
        WordEntry(end, "".join(one.text for one in pieces if agree(one.condition, end, clock)))
        for end in _ends(found, clock)
    ]


def entry_at(ends: list[int] | tuple[int, ...], call: int) -> int:
    """The number of the entry that a call reads: behind the last one it is the first again."""
    return next((index for index, end in enumerate(ends) if call <= end), 0)


def _ends(found: Brackets, clock: Clock) -> list[int]:
    """The last calls of all entries, whatever text stands in them."""
    ends = {clock.calls}
    for group in found.groups.values():
        if group.meaning == "alternate":
            ends.update(range(1, clock.calls + 1))
        elif group.meaning == "scheduled" and (end := clock.end(group.number)) >= 1:
            ends.add(end)
    return sorted(ends)


def _pieces(text: str, found: Brackets) -> Iterator[_Piece]:
    """The text without the signs and numbers of its schedules, cut where their conditions change.

    Only brackets that close are in `found.groups`, and inside one that chooses all others do.
    """
    chains: dict[int, Condition | None] = {}
    opened: list[int] = []
    slots: dict[int, int] = {}
    start = 0
    for sign in _SIGN.finditer(text):
        at = sign.start()
        place = opened[-1] if opened else -1
        inner, around = found.groups.get(at), found.groups.get(place)
        choosing = around is not None and around.meaning in _CHOOSING
        closes = around is not None and around.end == at
        begins = inner is not None and inner.meaning in _CHOOSING
        if begins or (choosing and (closes or sign[0] in ":|")):
            yield from _piece(text[start:at], found, place, slots, chains)
            start = at + 1
        if inner is not None:
            chains[at] = chain(found, place, slots.get(place, 0), chains)
            opened.append(at)
        elif closes:
            opened.pop()
        elif choosing and sign[0] in ":|":
            slots[place] = slots.get(place, 0) + 1
    yield from _piece(text[start:], found, -1, slots, chains)


def _piece(
    text: str,
    found: Brackets,
    place: int,
    slots: dict[int, int],
    chains: dict[int, Condition | None],
) -> Iterator[_Piece]:
    """The text in the present slot of the bracket at `place`; nothing of a `when`."""
    group, slot = found.groups.get(place), slots.get(place, 0)
    number = group is not None and group.meaning == "scheduled" and slot == group.parts - 1
    if text and not number:
        yield _Piece(text, chain(found, place, slot, chains))
