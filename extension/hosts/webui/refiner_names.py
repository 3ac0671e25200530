"""Other LoRAs for a refiner: Forge Neo's "Lora Replacements", a pair `before=after` a line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modules import shared

from ...prompt import Prompt, Tag

OPTION = "refiner_lora_replacement"


def at_work(p: Any) -> bool:
    """Whether its refiner draws this picture from now on: it writes that down before."""
    return hasattr(shared.opts, OPTION) and "Refiner" in (p.extra_generation_params or {})


def renamed(prompt: Prompt) -> Prompt:
    """The prompt with the files that the option names for the refiner, where it does."""
    pairs = [one.split("=", 1) for one in str(getattr(shared.opts, OPTION, "")).split("\n")]
    tags = tuple(_renamed(tag, [pair for pair in pairs if len(pair) > 1]) for tag in prompt.tags)
    return prompt if tags == prompt.tags else replace(prompt, tags=tags)


def _renamed(tag: Tag, pairs: list[list[str]]) -> Tag:
    """As the program does it: one pair after the other, anywhere in the name."""
    name = tag.name
    for before, after in pairs:
        name = name.replace(before.strip(), after.strip()) if before.strip() else name
    if name == tag.name:
        return tag
    # The hash in the tag, if any, is the other file's.
    return replace(tag, name=name, values={k: v for k, v in tag.values.items() if k != "hash"})
