"""A prompt's text → its tags, the text that is left, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable

from ..words import Problem, Span
from .reading import Reading
from .scan import Found, scan
from .tags import Prompt, Tag


def parse(prompt: str, *, schedules: bool = True) -> Prompt:
    """Reads a prompt; never raises for any text.

    Tags of other kinds stay in the text. A tag that cannot be read costs only itself: it is taken
    out, and a problem tells where and why.
    """
    tags: list[Tag] = []
    problems: list[Problem] = []
    cut: list[Span] = []
    for found in scan(prompt):
        if found.cut:
            cut.append(found.span)
        if found.fault:
            problems.append(_fault(prompt, found))
        elif (tag := Reading(prompt, found, problems).tag()) is not None:
            tags.append(tag)
    return Prompt(prompt, without(prompt, cut), tuple(tags), tuple(problems))


def without(text: str, spans: Iterable[Span]) -> str:
    """`text` with the spans cut out; nothing else changes."""
    pieces, position = [], 0
    for span in spans:
        pieces.append(text[position : span.start])
        position = span.end
    pieces.append(text[position:])
    return "".join(pieces)


def _fault(prompt: str, found: Found) -> Problem:
    span = found.fault_span or found.span
    shown = prompt[found.span.start : min(found.span.end, found.span.start + 60)]
    end = f"{shown} is left out" if found.cut else "it stays in the text"
    return Problem(f"column {span.start + 1}: {found.fault}; {end}", span)
