"""A prompt's text → its tags, the text that is left, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from ..records import Diagnostic, Fix, Span
from .diagnostics import Code
from .find_tags import Fault, find_tags
from .interpret import Interpretation, interpret
from .language import DEFAULT, Language
from .placement import TagContext, locate
from .tags import Argument, Prompt, Tag

MOST = 1000  # problems that are listed; a prompt with more has another problem


def parse(
    prompt: str,
    *,
    schedules: bool = True,
    negative: bool = False,
    old_schedules: bool = False,
    language: Language = DEFAULT,
) -> Prompt:
    """Reads a prompt; never raises for any text.

    Tags of other kinds stay in the text. A tag that cannot be read is taken out and ignored, and a
    problem says where and why; all others work. `schedules=False` leaves brackets alone: every tag
    is on throughout. A `negative` prompt has no `AND` parts. `old_schedules` counts as the webui's
    option for old prompt editing timelines does. `language` holds the user's own presets.
    """
    found = _found(prompt)
    text, contexts = _located(prompt, found, schedules, negative, old_schedules)
    tags: list[Tag] = []
    problems: list[Diagnostic] = []
    for one, context in zip(found, contexts, strict=True):
        room = len(problems) <= MOST  # one more than is listed, to know that there are more
        if isinstance(one, Fault):
            if room:
                problems.append(_fault(prompt, one))
            continue
        source = prompt[one.start : one.end]
        read = interpret(source, context.part, language)
        if read.name:
            tags.append(_tag(read, source, one, context))
        if room and (read.notes or context.ignored):
            problems.extend(_problems(read, one))
            if read.name and context.ignored:
                problems.append(_ignored(one))
    return Prompt(prompt, text, tuple(tags), tuple(_listed(problems)))


def _located(
    prompt: str, found: Sequence[Span | Fault], schedules: bool, negative: bool, old: bool
) -> tuple[str, list[TagContext]]:
    """The text that is left, and where each one stands in it."""
    cut = [one.span if isinstance(one, Fault) else one for one in found if not _stays(one)]
    if not cut:
        return prompt, [TagContext()] * len(found)
    text, contexts = locate(prompt, cut, schedules=schedules, negative=negative, old=old)
    rest = iter(contexts)
    return text, [TagContext() if _stays(one) else next(rest) for one in found]


def _found(prompt: str) -> list[Span | Fault]:
    """All tags, and as many of what only looks like one as problems are listed."""
    found: list[Span | Fault] = []
    others = 0
    for one in find_tags(prompt):
        stays = _stays(one)
        others += stays
        if not stays or others <= MOST + 1:
            found.append(one)
    return found


def _stays(one: Span | Fault) -> bool:
    """In the text; all else is cut out of it."""
    return isinstance(one, Fault) and not one.cut


def _tag(read: Interpretation, source: str, span: Span, context: TagContext) -> Tag:
    """What was understood, at its place in the prompt."""
    arguments = [
        Argument(one.name, one.value, _moved(one.span, span.start), one.means)
        for one in read.arguments
    ]
    return Tag(
        kind=read.kind,
        name=read.name,
        arguments=tuple(arguments),
        span=span,
        source=source,
        written_kind=read.written_kind,
        part=context.part or 0,
        values=read.values or {},
        factors=(read.factors if context.schedule is None else (*read.factors, context.schedule)),
    )


def _moved(span: Span, by: int) -> Span:
    return Span(span[0] + by, span[1] + by)


def _problems(read: Interpretation, tag: Span) -> Iterator[Diagnostic]:
    for note in read.notes:
        start = tag.start
        span = _moved(note.span, start)
        fix = note.fix and Fix(_moved(note.fix.span, start), note.fix.text)
        told = _diagnostic(note.code, note.message, span, note.severity)
        yield replace(told, reason=note.reason, tag=tag, fix=fix)


def _fault(prompt: str, fault: Fault) -> Diagnostic:
    source = prompt[fault.span.start : min(fault.span.end, fault.span.start + 60)]
    end = f"{source} is ignored" if fault.cut else "it stays in the text"
    told = _diagnostic(fault.code, f"{fault.reason}; {end}", fault.shown)
    tag = fault.span
    if fault.fix and not fault.cut:  # not closed: it goes as far as it was probably meant to
        tag = Span(tag.start, fault.fix.span.start)
    return replace(told, reason=fault.reason, tag=tag, fix=fault.fix)


def _ignored(span: Span) -> Diagnostic:
    text = (
        'this tag is on throughout: a "|" outside [a|b], or a backslash with nothing after it, '
        'turns off all prompt editing in this prompt; remove it, or write "\\|"'
    )
    told = _diagnostic("brackets-ignored", text, span, "warning")
    return replace(told, reason=text, tag=span)


def _diagnostic(
    code: Code, text: str, span: Span, severity: Literal["error", "warning"] = "error"
) -> Diagnostic:
    return Diagnostic(f"column {span.start + 1}: {text}", span, severity, code)


def _listed(problems: list[Diagnostic]) -> list[Diagnostic]:
    """The first ones; and that there are more."""
    if len(problems) <= MOST:
        return problems
    span = problems[MOST].span or Span(0, 0)
    return [*problems[:MOST], _diagnostic("unlisted", "further problems are not listed", span)]
