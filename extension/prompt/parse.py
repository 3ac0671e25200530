"""A prompt's text → its tags, the text that is left, and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace

from ..words import Problem
from .parts import Spot, place
from .reading import Reading
from .scan import Found, scan
from .tags import Prompt, Tag


def parse(
    prompt: str, *, schedules: bool = True, negative: bool = False, old_schedules: bool = False
) -> Prompt:
    """Reads a prompt; never raises for any text.

    Tags of other kinds stay in the text. A tag that cannot be read costs only itself: it is taken
    out, and a problem tells where and why. `schedules=False` leaves brackets alone: every tag is
    on throughout. A `negative` prompt has no `AND` parts. `old_schedules` counts as the webui's
    option for old prompt editing timelines does.
    """
    found = list(scan(prompt))
    cut = [one for one in found if one.cut]
    if not cut:
        return Prompt(prompt, prompt, (), tuple(_fault(prompt, one) for one in found))
    text, spots = place(
        prompt, [one.span for one in cut], schedules=schedules, negative=negative, old=old_schedules
    )
    problems: list[Problem] = []
    tags: list[Tag] = []
    places = iter(spots)
    for one in found:
        spot = next(places) if one.cut else Spot()
        if one.fault:
            problems.append(_fault(prompt, one))
        elif (tag := Reading(prompt, one, problems).tag(spot.part)) is not None:
            tags.append(_scheduled(tag, spot))
    return Prompt(prompt, text, tuple(tags), tuple(problems))


def _scheduled(tag: Tag, spot: Spot) -> Tag:
    if spot.schedule is None:
        return tag
    return replace(tag, factors=(*tag.factors, spot.schedule))


def _fault(prompt: str, found: Found) -> Problem:
    span = found.fault_span or found.span
    shown = prompt[found.span.start : min(found.span.end, found.span.start + 60)]
    end = f"{shown} is left out" if found.cut else "it stays in the text"
    return Problem(f"column {span.start + 1}: {found.fault}; {end}", span)
