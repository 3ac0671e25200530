"""What a prompt's problems are called, and how people see them: with a caret under the place."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal
from unicodedata import combining, east_asian_width

from ..records import Diagnostic

# What can be wrong with a prompt, for statistics and translations.
Code = Literal[
    # Errors: the tag is ignored
    "unclosed-tag",  # it has no ">"
    "no-name",  # it names no LoRA
    "unquoted-bracket",  # a "<" in a name that is not in quotation marks
    "unreadable-value",  # no value for its argument; a warning where it is plain what was meant
    "unreadable-tag",  # the tag as a whole is not of the language
    "unlisted",  # there are more problems than are listed
    # Warnings: the tag works
    "unknown-argument",  # no argument has this name
    "surplus-value",  # a value without a name, of which there are too many
    "repeated-argument",  # given twice, one of them counts
    "unclosed-quote",  # a quotation mark that is part of the name
    "reserved-characters",  # others take these characters out of a prompt
    "no-effect",  # an argument that does nothing here
    "never-on",  # the tag's own arguments switch it off throughout
    "constant-in-text-encoder",  # what varies over the steps cannot vary there
    "brackets-ignored",  # the host ignores the brackets that the tag is in
]

WIDTH = 76  # columns of a line at most: a console's, less some room


def caret(prompt: str, problem: Diagnostic) -> str:
    """The problem's message under the line it is about, with a caret; the message alone without.

    >>> print(caret("a <lora:b:x>", Diagnostic("column 11: no number", Span(10, 11))))
    a <lora:b:x>
              ^ column 11: no number
    """
    if problem.span is None:
        return problem.message
    begin = prompt.rfind("\n", 0, problem.span.start) + 1
    end = prompt.find("\n", problem.span.start)
    line = prompt[begin : len(prompt) if end < 0 else end]
    at = problem.span.start - begin
    length = max(1, min(problem.span.end - problem.span.start, len(line) - at))
    line, at = _window(line, at)
    marks = " " * columns(line[:at]) + "^" * max(1, columns(line[at : at + length]))
    return f"{_plain(line)}\n{marks} {problem.message}"


def _window(line: str, at: int) -> tuple[str, int]:
    """The part of a long line around `at`."""
    if len(line) <= WIDTH:
        return line, at
    begin = max(0, min(at - WIDTH // 3, len(line) - WIDTH))
    before = "…" if begin else ""
    after = "…" if begin + WIDTH < len(line) else ""
    return before + line[begin : begin + WIDTH] + after, at - begin + len(before)


def _plain(line: str) -> str:
    return line.replace("\t", " ").replace("\r", " ")


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(
        0 if combining(sign) else 2 if east_asian_width(sign) in "WF" else 1 for sign in text
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean start=?` for the known word that looks most like this one; else nothing."""
    close = closest(word, known)
    return f"; did you mean {close}?" if close else ""


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like this one; None where none does."""
    return _closest(word.strip()[:32].lower(), tuple(known))


@lru_cache(maxsize=256)
def _closest(word: str, known: tuple[str, ...]) -> str | None:
    lowered = {name.lower(): name for name in known}
    close = get_close_matches(word, lowered, n=1)
    return lowered[close[0]] if close else None
