"""The conds of a generation: for every picture, every part of its prompt, every schedule entry."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from ..prompt import Tag
from ..prompt.words.parts import Part
from ..prompt.words.word_schedule import entries_of, entry_at
from ..records import Progress, Row
from .encode import Announce, Cond, WordEncoder, WordLine


@dataclass(frozen=True, slots=True)
class PartConds:
    """One part of a prompt: `conds[i]` is read as long as call ≤ `ends[i]`, from 0."""

    weight: float
    ends: tuple[int, ...]
    conds: tuple[Cond, ...]

    @classmethod
    def constant(cls, cond: Cond) -> PartConds:
        """The same in every call."""
        return cls(1.0, (1,), (cond,))

    def at(self, call: int) -> Cond:
        """What is read in this call."""
        return self.conds[entry_at(self.ends, call)]


@dataclass(frozen=True, slots=True)
class PartWords:
    """One part of one picture's prompt, before it is encoded; `texts` has one for each encoder.

    `tags` may change the text encoder; lines of equal `key` are changed by the same ones.
    """

    texts: tuple[str, ...]
    row: Row
    weight: float = 1.0
    tags: tuple[Tag, ...] = ()
    key: Hashable = None


def words_of(
    texts: Sequence[Sequence[Part]], row: Row, tags: tuple[Tag, ...], key: Hashable
) -> list[PartWords]:
    """The parts of one prompt: texts[encoder][part]. The first encoder's weights count.

    Where a second prompt has fewer parts, its last one stands beside the rest.
    """
    found = []
    for number, part in enumerate(texts[0]):
        beside = tuple(parts[min(number, len(parts) - 1)].text for parts in texts)
        here = replace(row, part=number)
        found.append(PartWords(beside, here, part.weight, tags, key))
    return found


def encode_parts(
    encoder: WordEncoder, words: Sequence[PartWords], moment: Progress, announce: Announce
) -> list[PartConds]:
    """The conds of all parts; `moment` says how many calls the pass has, and which pass it is."""
    plans: dict[Hashable, _Plan] = {}
    keys = [(one.texts, one.row.side, one.row.part, one.key) for one in words]
    for key, one in zip(keys, words, strict=True):
        if key not in plans:
            plans[key] = _planned(one, moment)
    encoded = encoder.encode([plan.lines for plan in plans.values()], announce)
    conds = dict(zip(plans, encoded, strict=True))
    return [
        PartConds(
            one.weight, plans[key].ends, tuple(conds[key][index] for index in plans[key].line_of)
        )
        for key, one in zip(keys, words, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What of a part is encoded: every different line once; entry i is line `line_of[i]`."""

    ends: tuple[int, ...]
    lines: list[WordLine]
    line_of: list[int]


def _planned(words: PartWords, moment: Progress) -> _Plan:
    schedules = {text: entries_of(text, moment) for text in words.texts}
    ends = tuple(sorted({entry.end for entries in schedules.values() for entry in entries}))
    found: dict[Hashable, int] = {}
    lines: list[WordLine] = []
    line_of: list[int] = []
    for end in ends:
        texts = tuple(
            schedules[text][entry_at([e.end for e in schedules[text]], end)].text
            for text in words.texts
        )
        now = replace(moment, call=end)
        key = (texts, tuple(tag.in_schedule(now) for tag in words.tags))
        if key not in found:
            found[key] = len(lines)
            lines.append(WordLine(texts, words.row, now, times=0))
        index = found[key]
        lines[index] = replace(lines[index], times=lines[index].times + 1)
        line_of.append(index)
    return _Plan(ends, lines, line_of)
