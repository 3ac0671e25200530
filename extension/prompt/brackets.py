r"""The brackets of a prompt as the webui's schedule grammar sees them, in one pass.

That grammar (read for its meaning; it is Earley, and slow) is, with p for a run of anything below:

    emphasis   (p)  (p:p)  [p]
    scheduled  [p:number]  [p:p:number]
    alternate  [p|p…]
    words      any run without \ [ ] ( ) : |, or a backslash and the character it protects

A bracket that fits none of these is text, and so are the brackets around it; what is inside it
counts as if it stood at the top. A `|` that is text, or a backslash that protects nothing, makes
the host reject the whole text: then it has no schedules at all.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Meaning = Literal["text", "emphasis", "scheduled", "alternate"]

_NUMBER = re.compile(r"\s*([+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*")
_PAIRS = {")": "(", "]": "["}


@dataclass(frozen=True, slots=True)
class Bracket:
    """A pair of brackets. `parent` is the place of the bracket around it, -1 at the top.

    `slot` is the place in the parent: how many `:` or `|` stand there before it. `parts` counts
    what its own `:` or `|` part. `end` is the place of the closing sign.
    """

    meaning: Meaning
    parent: int
    slot: int
    parts: int = 1
    number: str = ""
    end: int = -1


@dataclass(slots=True)
class Brackets:
    """What one pass has found: groups by the place of their opening bracket, in order.

    `marks` has for each mark the innermost open bracket (-1 at the top) and the slot in it.
    """

    groups: dict[int, Bracket] = field(default_factory=dict)
    marks: list[tuple[int, int]] = field(default_factory=list)
    rejected: bool = False

    @property
    def signature(self) -> tuple[object, ...]:
        """Equal for two texts in which the host sees the same schedules."""
        if self.rejected:
            return ("rejected",)
        return tuple(
            (group.meaning, group.parts, group.number)
            for group in self.groups.values()
            if group.meaning in {"scheduled", "alternate"}
        )


def read_brackets(text: str, mark: str = "") -> Brackets:
    """Reads the brackets of `text`; `mark` is a character that stands for a word."""
    return _Pass(text, mark).read()


class _Pass:
    """One pass. A bracket is known by its place; an open one costs an integer until it closes."""

    def __init__(self, text: str, mark: str) -> None:
        self.text = text
        self.mark = mark
        self.open: list[int] = []
        self.colons: Counter[int] = Counter()
        self.pipes: Counter[int] = Counter()
        self.last_colon: dict[int, int] = {}
        self.slots: dict[int, int] = {}
        self.unsound: set[int] = set()  # brackets that hold a group that is text
        self.found = Brackets()

    def read(self) -> Brackets:
        """All groups and marks."""
        opened, found = self.open, self.found
        for sign in re.finditer(rf"\\.|[\\\[\]():|{re.escape(self.mark)}]", self.text):
            character = sign[0]
            if character in "([":
                self._enter(sign.start())
            elif character in ")]":
                self._close(sign.start())
            elif character in ":|":
                self._separate(character, sign.start())
            elif character[-1] == self.mark:
                found.marks.append((opened[-1] if opened else -1, self._slot()))
            elif character == "\\":
                found.rejected = True
        self._abandon()
        found.groups = dict(sorted(found.groups.items()))
        return found

    def _slot(self) -> int:
        top = self.open[-1] if self.open else -1
        return self.colons.get(top, 0) + self.pipes.get(top, 0)

    def _enter(self, at: int) -> None:
        if slot := self._slot():
            self.slots[at] = slot
        self.open.append(at)

    def _separate(self, character: str, at: int) -> None:
        top = self.open[-1] if self.open else -1
        if character == "|":
            self.pipes[top] += 1
        elif top >= 0:
            self.colons[top] += 1
            self.last_colon[top] = at

    def _close(self, at: int) -> None:
        """Ends the innermost group; where brackets cross, all that are open are text."""
        if not self.open or self.text[self.open[-1]] != _PAIRS[self.text[at]]:
            self._abandon()
            return
        start = self.open.pop()
        parent = self.open[-1] if self.open else -1
        group = self._group(start, at, parent)
        self.found.groups[start] = group
        if group.meaning == "text":
            self.unsound.add(parent)
            self.found.rejected = self.found.rejected or start in self.pipes

    def _group(self, start: int, end: int, parent: int) -> Bracket:
        slot = self.slots.get(start, 0)
        colons, pipes = self.colons.get(start, 0), self.pipes.get(start, 0)
        text = Bracket("text", parent, slot, end=end)
        if start in self.unsound or (colons and pipes) or colons > 2:
            return text
        if self.text[start] == "(":
            return text if pipes or colons > 1 else Bracket("emphasis", parent, slot, end=end)
        if pipes:
            return Bracket("alternate", parent, slot, pipes + 1, end=end)
        if not colons:
            return Bracket("emphasis", parent, slot, end=end)
        number = _NUMBER.fullmatch(self.text, self.last_colon[start] + 1, end)
        if number is None:
            return text
        return Bracket("scheduled", parent, slot, colons + 1, number[1], end)

    def _abandon(self) -> None:
        """What is open stays open: it is text, and so are its `|`."""
        self.found.rejected = self.found.rejected or any(
            place in self.pipes for place in (-1, *self.open)
        )
        self.open.clear()
