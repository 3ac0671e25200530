"""Axes for the X/Y/Z plot script; hooks make a cell's change free of any reload.

A value changes every LoRA tag of the prompt, or with `name: value` the tags of that name. An axis
that finds no tag in the prompt says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from modules import scripts

from ...errors import LiveLoraError
from ...prompt import Tag
from .state import LIVE

PREFIX = "[Live LoRA]"
ARGUMENTS = {
    "weight": "weight",
    "te": "te",
    "unet": "unet",
    "start": "start",
    "stop": "stop",
    "block preset": "lbw",
    "mask": "mask",
    "cap": "cap",
}
PROMPTS = ("prompt", "negative_prompt", "hr_prompt", "hr_negative_prompt")
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
        *[axis(label, _argument(name)) for label, name in ARGUMENTS.items()],
    ]


def _name(tag: Tag, value: str) -> str:
    return "" if value.lower() == NO_LORA else tag.with_name(value)


def _argument(name: str) -> Edit:
    return lambda tag, value: tag.with_value(name, value)


def applied(edit: Edit) -> Callable[[Any, str, Any], None]:
    """What the plot script calls with a cell's copy of p and the axis's value."""

    def apply(p: Any, value: str, _: Any) -> None:
        texts = {field: getattr(p, field, None) for field in PROMPTS}
        prompts = {k: LIVE.parse(text) for k, text in texts.items() if isinstance(text, str)}
        every = [tag for prompt in prompts.values() for tag in prompt.tags]
        if not every:
            raise NoTag(f"no LoRA tag in the prompt for {value!r}: write one, the axis changes it")
        name, value = _meant(value, every)
        for field, prompt in prompts.items():
            tags = [tag for tag in prompt.tags if name in (None, tag.name)]
            setattr(p, field, prompt.replace({tag: edit(tag, value) for tag in tags}))

    return apply


def _meant(value: str, tags: Sequence[Tag]) -> tuple[str | None, str]:
    """Of `name: value`, both; of any other value no name, for all tags."""
    name, colon, rest = (part.strip() for part in value.partition(":"))
    return (name, rest) if colon and any(tag.name == name for tag in tags) else (None, value)
