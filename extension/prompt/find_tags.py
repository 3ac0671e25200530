"""Where the tags of a prompt are: one pass over the text, linear in its length.

The grammar reads a tag once it is cut out; cutting it out is done here, because a grammar over
free text is either ambiguous (every bracket may be text) or quadratic (every `<` may open a tag).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ..records import Fix, Span
from .diagnostics import Code

# The kinds that are ours, in lower case, with the kind each one means. `loractl` is what that
# extension writes; its tags mean the same here.
KINDS = {"lora": "lora", "lyco": "lora", "loractl": "lora"}

_OPEN = re.compile(r"<(\w+):")
_STOP = re.compile(r'\\.|[<>:"=]', re.DOTALL)
_KEY = re.compile(r"\s*[^\W\d]\w*\s*")
_QUOTED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"(?=\s*[:>])', re.DOTALL)
# A name of one line, and arguments up to the first blank; without arguments the name ends there.
_MEANT = re.compile(r"[^<>:,\n\"]*[^<>:,\s\"](?::[^<>:,\s()\[\]]+)+|[^<>:,\s\"]+")


class Fault(NamedTuple):
    """Something that begins like one of our tags but is none, and why.

    It stays in the text or, where it is closed and only badly written, is `cut` out like any tag.
    """

    span: Span
    code: Code
    reason: str
    shown: Span
    cut: bool = False
    fix: Fix | None = None


def find_tags(text: str) -> Iterator[Span | Fault]:
    r"""All tags of our kinds from left to right, and what looks like one but is not.

    `\<lora:a:1\>` is text about tags, by the hand of somebody who knows: not even a fault.
    """
    position = 0
    while opened := _OPEN.search(text, position):
        position = opened.end()
        if opened[1].lower() in KINDS:
            body = _Body(text, opened.start(), position)
            found = body.read()
            position = body.position
            if found:
                yield found


class _Body:
    """Reads on from `<kind:` to the `>` that closes it, over quotes and escapes."""

    __slots__ = ("body", "fresh", "item", "position", "start", "stray", "text", "value")

    def __init__(self, text: str, start: int, body: int) -> None:
        self.text = text
        self.start = start
        self.body = self.position = body
        self.item = self.value = body  # where the item, and its value, begin
        self.fresh = True  # nothing but blanks since `value`
        self.stray: int | None = None

    def read(self) -> Span | Fault | None:
        """The tag, or what is wrong with it; `position` is then behind it."""
        while stop := _STOP.search(self.text, self.position):
            at, sign = stop.start(), stop[0]
            self.position = stop.end()
            if sign == ">":
                return self._closed(at)
            if sign == "<":
                if _OPEN.match(self.text, at):
                    self.position = at
                    return self._open(at)
                self.stray = at if self.stray is None else self.stray
            elif sign == "\\>" and self.start and self.text[self.start - 1] == "\\":
                return None
            else:
                self._inside(at, sign)
        self.position = len(self.text)
        return self._open(self.position)

    def _inside(self, at: int, sign: str) -> None:
        if sign == ":":
            self.item = self.value = at + 1
            self.fresh = True
        elif self.fresh:
            if sign == "=" and self.item == self.value and _KEY.fullmatch(self.text, self.item, at):
                self.value = at + 1
                return
            self.fresh = False
            if sign == '"' and not self.text[self.value : at].strip():
                quoted = _QUOTED.match(self.text, at)
                self.position = quoted.end() if quoted else at + 1

    def _closed(self, at: int) -> Span | Fault:
        span = Span(self.start, at + 1)
        if at == self.body:
            return Fault(span, "no-name", "expected the name of a LoRA", span)
        if self.stray is None:
            return span
        reason = 'a name that contains "<" must be in quotation marks'
        stray = Span(self.stray, self.stray + 1)
        return Fault(span, "unquoted-bracket", reason, stray, cut=True, fix=Fix(stray, "\\<"))

    def _open(self, end: int) -> Fault:
        reason = 'this tag is not closed: expected ">"'
        shown = self._shown(end)
        return Fault(Span(self.start, end), "unclosed-tag", reason, shown, fix=self._close(end))

    def _close(self, end: int) -> Fix | None:
        """A `>` after the last argument: behind it the prompt probably goes on."""
        found = _MEANT.match(self.text, self.body, end)
        return Fix(Span(found.end(), found.end()), ">") if found else None

    def _shown(self, end: int) -> Span:
        """The first line of it, at most 40 characters: enough to see which tag is meant."""
        line = self.text.find("\n", self.start, min(end, self.start + 40))
        return Span(self.start, min(end, self.start + 40) if line < 0 else line)
