"""Tags changed inside a prompt: for the axes of the plot script, and for pasted infotexts."""

from __future__ import annotations

from collections.abc import Callable

from ... import prompt as language
from ...prompt import Tag
from ...prompt.render import substituted, tag_text, with_value, with_weight


def every(prompt: str, edit: Callable[[Tag], str]) -> str:
    """The prompt with each tag replaced by what `edit` writes for it; all else is untouched."""
    return substituted(prompt, [(tag.span, edit(tag)) for tag in language.parse(prompt).tags])


def renamed(tag: Tag, name: str) -> str:
    """The tag with another name."""
    return tag_text(name, tag.arguments, tag.written_kind)


def weighted(tag: Tag, value: str) -> str:
    """The tag with one weight for text encoders and UNet."""
    return tag_text(tag.name, with_weight(tag.arguments, value), tag.written_kind)


def changed(tag: Tag, argument: str, value: str) -> str:
    """The tag with one argument set; te does not take the UNet's weight along."""
    arguments = tag.arguments
    said = {one.means: one.value for one in arguments}
    edited = with_value(arguments, argument, value)
    if argument == "te" and "unet" not in said:
        edited = with_value(edited, "unet", said.get("te", "1"))
    return tag_text(tag.name, edited, tag.written_kind)
