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
from dataclasses import dataclass, field
from typing import Literal

Meaning = Literal["text", "emphasis", "scheduled", "alternate"]

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)\s*")
_CLOSES = {")": "(", "]": "["}


@dataclass(slots=True, eq=False)
class Group:
    """A pair of brackets. `slot` is the place in `parent`: how many `:` or `|` stand before it."""

    opened: str
    parent: Group | None
    slot: int
    colons: int = 0
    pipes: int = 0
    last_colon: int = 0
    sound: bool = True  # all groups inside fit the grammar
    meaning: Meaning = "text"
    number: str = ""

    def close(self, text: str, end: int) -> None:
        """Finds what the group means; `end` is the place of its closing bracket."""
        if not self.sound:
            return
        if self.opened == "(":
            fits = self.colons <= 1 and not self.pipes
            self.meaning = "emphasis" if fits else "text"
        elif self.pipes or not self.colons:
            alternate: Meaning = "alternate" if self.pipes else "emphasis"
            self.meaning = "text" if self.colons else alternate
        elif self.colons <= 2 and (match := _NUMBER.fullmatch(text, self.last_colon + 1, end)):
            self.meaning = "scheduled"
            self.number = match[1]


@dataclass(slots=True)
class Brackets:
    """What one pass has found: the groups, and for each mark its group and slot."""

    groups: list[Group] = field(default_factory=list)
    marks: list[tuple[Group | None, int]] = field(default_factory=list)
    rejected: bool = False

    @property
    def signature(self) -> tuple[object, ...]:
        """Equal for two texts in which the host sees the same schedules."""
        if self.rejected:
            return ("rejected",)
        return tuple(
            (group.meaning, group.colons, group.pipes, group.number)
            for group in self.groups
            if group.meaning in {"scheduled", "alternate"}
        )


def brackets(text: str, mark: str = "") -> Brackets:
    """Reads the brackets of `text`; `mark` is a character that stands for a word."""
    found = Brackets()
    stack: list[Group] = []
    for sign in re.finditer(rf"\\.|[\\\[\]():|{re.escape(mark)}]", text):
        character = sign[0]
        top = stack[-1] if stack else None
        slot = top.colons + top.pipes if top else 0
        if character == mark:
            found.marks.append((top, slot))
        elif character in "([":
            stack.append(Group(character, top, slot))
            found.groups.append(stack[-1])
        elif character in ")]":
            _close(text, sign.start(), stack, found)
        elif character == "\\":
            found.rejected = True
        elif len(character) == 1:
            _separate(top, character, sign.start(), found)
        elif mark and character[1] == mark:
            found.marks.append((top, slot))
    found.rejected = found.rejected or any(group.pipes for group in stack)
    return found


def _separate(top: Group | None, character: str, at: int, found: Brackets) -> None:
    if character == ":" and top:
        top.colons += 1
        top.last_colon = at
    elif character == "|":
        if top:
            top.pipes += 1
        else:
            found.rejected = True


def _close(text: str, at: int, stack: list[Group], found: Brackets) -> None:
    """Ends the innermost group; where the brackets cross, all that are open are text."""
    if not stack or stack[-1].opened != _CLOSES[text[at]]:
        found.rejected = found.rejected or any(group.pipes for group in stack)
        stack.clear()
        return
    group = stack.pop()
    group.close(text, at)
    if group.meaning == "text":
        found.rejected = found.rejected or bool(group.pipes)
        if group.parent:
            group.parent.sound = False
