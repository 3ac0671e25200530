"""What caps have led to, written into a prompt's tags: that text makes the same picture again."""

from __future__ import annotations

from collections.abc import Sequence

from ..prompt import Prompt
from ..prompt.edits import with_values
from ..records import Side
from .run import Run


def with_caps(prompt: Prompt, side: Side, passes: Sequence[tuple[Run, int]]) -> str:
    """The prompt's text with `capped=` and `hrcapped=` on its tags.

    `passes` are the picture's runs, each with the picture's number in it.
    """
    found: dict[int, dict[str, str | None]] = {}
    places = {(tag.span, tag.source): index for index, tag in enumerate(prompt.tags)}
    for run, picture in passes:
        if (caps := run.plan.caps) is None:
            continue
        for number, one in enumerate(run.plan.active):
            for use in one.uses:
                index = places.get((use.tag.span, use.tag.source))
                if (use.picture, use.side) == (picture, side) and index is not None:
                    found.setdefault(index, {}).update(caps.curves(picture, number))
    return prompt.replace(
        {prompt.tags[index]: with_values(prompt.tags[index], v) for index, v in found.items() if v}
    )
