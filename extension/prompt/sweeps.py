"""A sweep's values, picture by picture: what each picture's own prompt says.

`without=` with several blocks is one, too.
"""

from __future__ import annotations

import re

from . import edits
from .parse import parse
from .tags import Prompt, Tag

_WEIGHTS = frozenset({"te", "unet", "hr", "hrte", "hrunet"})


def prompt_of_picture(prompt: Prompt, picture: int) -> str:
    """The prompt's source for one picture of a job: each sweep gives the value whose turn it is.

    `<lora:x:sweep=0;0.5;1>` is `<lora:x:0.5>` for picture 1 (and 4, 7, …). A tag with a weight of
    its own keeps it, and the sweep with one value: their product is the weight.
    """
    swept = [tag for tag in prompt.tags if tag.sweep is not None or tag.left_out]
    return prompt.replace({tag: _resolved(tag, picture) for tag in swept})


def _resolved(tag: Tag, picture: int) -> str:
    if tag.left_out:
        block = tag.left_out[picture % len(tag.left_out)]
        without = {"seed": None, "without": None if block == "none" else block}
        if tag.sweep is None:
            return edits.with_values(tag, without)
        tag = parse(edits.with_values(tag, without)).tags[0]
    written = next(one.value for one in reversed(tag.arguments) if one.means == "sweep")
    values = [value.strip() for value in re.split(r"[;,]", written)]
    value = values[picture % len(values)]
    if any(one.means in _WEIGHTS for one in tag.arguments):
        return edits.with_values(tag, {"seed": None, "sweep": value})
    return edits.with_values(tag, {"seed": None, "sweep": None, "weight": value})


def values_of_picture(prompt: Prompt, picture: int) -> list[str]:
    """What is this picture's own: `neon 0.5` for each sweep."""
    swept = [
        f"{tag.name} {tag.sweep[picture % len(tag.sweep)]:g}" for tag in prompt.tags if tag.sweep
    ]
    left_out = [
        f"{tag.name} without {tag.left_out[picture % len(tag.left_out)]}"
        for tag in prompt.tags
        if tag.left_out
    ]
    return [*swept, *left_out]


def picture_count(prompt: Prompt) -> int:
    """How many pictures show all values of the prompt's sweeps; 1 where there is none."""
    sweeps = (one for tag in prompt.tags for one in (tag.sweep, tag.left_out) if one)
    return max(map(len, sweeps), default=1)


def same_seed(prompt: Prompt) -> bool:
    """True where a sweep asks for one seed for all pictures."""
    return any(tag.same_seed for tag in prompt.tags if tag.sweep or tag.left_out)
