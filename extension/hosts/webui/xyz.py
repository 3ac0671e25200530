"""Axes for the X/Y/Z plot script; hooks make a cell's change free of any reload.

A value changes every LoRA tag of the prompt, or with `name: value` the tags of that name. An axis
that finds no tag in the prompt says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modules import scripts

from ... import prompt as language
from ...errors import LiveLoraError
from ...prompt import Tag
from . import tag_edits
from .state import LIVE

PREFIX = "[Live LoRA]"
ARGUMENTS = {"te": "te", "unet": "unet", "start": "start", "stop": "stop", "block preset": "lbw"}
NO_LORA = "none"  # as a value of the axis "LoRA": the tag goes

Edit = Callable[[Tag, str], str]  # with a value -> the tag's text


class NoTag(LiveLoraError):
    """An axis has nothing in the prompt to act on."""


def add_axes() -> None:
    """Adds them to the plot script's list, once for each time that it is loaded."""
    for module in {id(data.module): data.module for data in scripts.scripts_data}.values():
        known = getattr(module, "axis_options", None)
        if known is not None and not any(option.label.startswith(PREFIX) for option in known):
            known.extend(_axes(module.AxisOption))


def _axes(option: Callable[..., Any]) -> list[Any]:
    def axis(label: str, edit: Edit, choices: Any = None) -> Any:
        return option(f"{PREFIX} {label}", str, applied(edit), choices=choices)

    return [
        axis("LoRA", _name, lambda: [entry.name for entry in LIVE.catalog().entries]),
        axis("weight", tag_edits.weighted),
        *[axis(label, _argument(name)) for label, name in ARGUMENTS.items()],
    ]


def _name(tag: Tag, value: str) -> str:
    return "" if value.lower() == NO_LORA else tag_edits.renamed(tag, value)


def _argument(name: str) -> Edit:
    return lambda tag, value: tag_edits.changed(tag, name, value)


def applied(edit: Edit) -> Callable[[Any, str, Any], None]:
    """What the plot script calls with a cell's copy of p and the axis's value."""

    def apply(p: Any, value: str, _: Any) -> None:
        changed = 0
        for field in ("prompt", "negative_prompt", "hr_prompt", "hr_negative_prompt"):
            if isinstance(text := getattr(p, field, None), str):
                text, count = change(text, edit, value)
                setattr(p, field, text)
                changed += count
        if not changed:
            raise NoTag(f"no LoRA tag in the prompt for {value!r}: write one, the axis changes it")

    return apply


def change(prompt: str, edit: Edit, value: str) -> tuple[str, int]:
    """The prompt with its tags changed, and how many were."""
    names = {tag.name for tag in language.parse(prompt).tags}
    wanted, separator, rest = value.partition(":")
    only = wanted.strip() if separator and wanted.strip() in names else None
    value = rest.strip() if only is not None else value
    count = 0

    def one(tag: Tag) -> str:
        nonlocal count
        if only is not None and tag.name != only:
            return tag.source
        count += 1
        return edit(tag, value)

    return tag_edits.every(prompt, one), count
