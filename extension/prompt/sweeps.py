"""A sweep's values, picture by picture: what each picture's own prompt says."""

from __future__ import annotations

import re

from . import edits
from .tags import Prompt, Tag

_WEIGHTS = frozenset({"te", "unet", "hr", "hrte", "hrunet"})


def prompt_of_picture(prompt: Prompt, picture: int) -> str:
    """The prompt's source for one picture of a job: each sweep gives the value whose turn it is.

    `<lora:x:sweep=0;0.5;1>` is `<lora:x:0.5>` for picture 1 (and 4, 7, …). A tag with a weight of
    its own keeps it, and the sweep with one value: their product is the weight.
    """
    return prompt.replace(
        {tag: _resolved(tag, picture) for tag in prompt.tags if tag.sweep is not None}
    )


def _resolved(tag: Tag, picture: int) -> str:
    written = next(one.value for one in reversed(tag.arguments) if one.means == "sweep")
    values = [value.strip() for value in re.split(r"[;,]", written)]
    value = values[picture % len(values)]
    if any(one.means in _WEIGHTS for one in tag.arguments):
        return edits.with_values(tag, {"seed": None, "sweep": value})
    return edits.with_values(tag, {"seed": None, "sweep": None, "weight": value})


def values_of_picture(prompt: Prompt, picture: int) -> list[str]:
    """What is this picture's own: `neon 0.5` for each sweep."""
    return [
        f"{tag.name} {tag.sweep[picture % len(tag.sweep)]:g}" for tag in prompt.tags if tag.sweep
    ]


def picture_count(prompt: Prompt) -> int:
    """How many pictures show all values of the prompt's sweeps; 1 where there is none."""
    return max((len(tag.sweep) for tag in prompt.tags if tag.sweep), default=1)


def same_seed(prompt: Prompt) -> bool:
    """True where a sweep asks for one seed for all pictures."""
    return any(tag.same_seed for tag in prompt.tags if tag.sweep)
