"""A prompt's text → its tags, the text that is left, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

from ..records import Diagnostic, Span
from .find_tags import KINDS, Fault, find_tags
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

    Tags of other kinds stay in the text. A tag that cannot be read costs only itself: it is taken
    out, and a problem tells where and why. `schedules=False` leaves brackets alone: every tag is
    on throughout. A `negative` prompt has no `AND` parts. `old_schedules` counts as the webui's
    option for old prompt editing timelines does. `language` holds the user's own presets.
    """
    found = _found(prompt)
    cut = [one.span if isinstance(one, Fault) else one for one in found if not _stays(one)]
    text, contexts = prompt, list[TagContext]()
    if cut:
        text, contexts = locate(
            prompt, cut, schedules=schedules, negative=negative, old=old_schedules
        )
    rest = iter(contexts)
    tags: list[Tag] = []
    problems: list[Diagnostic] = []
    for one in found:
        context = TagContext() if _stays(one) else next(rest)
        room = len(problems) <= MOST  # one more than is listed, to know that there are more
        if isinstance(one, Fault):
            if room:
                problems.append(_fault(prompt, one))
            continue
        source = prompt[one.start : one.end]
        read = interpret(source, context.part, language)
        if read.name:
            tags.append(_tag(read, source, one, context))
        if room:
            problems.extend(_problems(read, one.start))
            if read.name and context.ignored:
                problems.append(_ignored(one))
            del problems[MOST + 1 :]
    return Prompt(prompt, text, tuple(tags), tuple(_listed(problems)))


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
    schedule = () if context.schedule is None else (context.schedule,)
    return Tag(
        kind=KINDS[read.kind.lower()],
        name=read.name,
        arguments=tuple(
            Argument(one.name, one.value, _moved(one.span, span.start), one.means)
            for one in read.arguments
        ),
        span=span,
        source=source,
        name_span=_moved(read.name_span, span.start),
        written_kind=read.kind,
        part=context.part or 0,
        values=read.values or {},
        factors=(*read.factors, *schedule),
    )


def _moved(span: Span, start: int) -> Span:
    return Span(span.start + start, span.end + start)


def _problems(read: Interpretation, start: int) -> Iterator[Diagnostic]:
    for note in read.notes:
        span = _moved(note.span, start)
        yield Diagnostic(f"column {span.start + 1}: {note.message}", span, note.severity)


def _fault(prompt: str, fault: Fault) -> Diagnostic:
    source = prompt[fault.span.start : min(fault.span.end, fault.span.start + 60)]
    end = f"{source} is left out" if fault.cut else "it stays in the text"
    return Diagnostic(f"column {fault.shown.start + 1}: {fault.reason}; {end}", fault.shown)


def _ignored(span: Span) -> Diagnostic:
    text = (
        "this tag is always on: a | outside of [a|b], or a backslash before nothing, makes the "
        "host ignore all brackets of the prompt"
    )
    return Diagnostic(f"column {span.start + 1}: {text}", span, "warning")


def _listed(problems: list[Diagnostic]) -> list[Diagnostic]:
    """The first ones; and that there are more."""
    if len(problems) <= MOST:
        return problems
    last = problems[MOST]
    start = last.span.start + 1 if last.span else 1
    more = Diagnostic(f"column {start}: more problems from here on are not listed", last.span)
    return [*problems[:MOST], more]
