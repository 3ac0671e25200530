"""LoRA Manager's recipes: its `.recipe.json` files, and the same text inside a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from .lora_set import LONGEST_NAME, MOST_MEMBERS, LoraSet, SetMember, hash_of, text

MARK = "Recipe metadata: "


def recipe_of(content: Any) -> LoraSet:
    """The set that a recipe describes; LoRAs that it leaves out are left out. ValueError."""
    if not isinstance(content, Mapping):
        raise ValueError("a recipe is a JSON object")
    listed = content.get("loras")
    entries = (
        [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    )
    members = [_member(one) for one in entries[:MOST_MEMBERS] if one.get("exclude") is not True]
    if not members:
        raise ValueError("this recipe has no LoRAs")
    made = content.get("gen_params")
    made = made if isinstance(made, Mapping) else {}
    return LoraSet(
        name=_text(content.get("title"))[:LONGEST_NAME].strip() or members[0].name,
        members=tuple(members),
        prompt=_text(made.get("prompt")),
        base=_text(content.get("base_model"))[:LONGEST_NAME],
    )


def recipe_in(description: str) -> LoraSet | None:
    """The recipe in a picture's text (EXIF UserComment), None where there is none. ValueError."""
    _, mark, rest = description.partition(MARK)
    if not mark:
        return None
    try:
        content, _ = json.JSONDecoder().raw_decode(rest.lstrip())
    except RecursionError as error:
        raise ValueError("this recipe cannot be read") from error
    return recipe_of(content)


def _member(content: Mapping[str, Any]) -> SetMember:
    name = _text(content.get("file_name")) or _text(content.get("modelName"))
    if not name.strip():
        raise ValueError("a LoRA of this recipe has no name")
    weight = content.get("strength", 1.0)
    if type(weight) not in (int, float) or not math.isfinite(weight):
        raise ValueError("a LoRA of this recipe has no weight")
    number = f"{weight:.4g}"
    return SetMember(name[:LONGEST_NAME], hash_of(content.get("hash")), ((None, number),))


def _text(value: Any) -> str:
    try:
        return text(value)
    except ValueError:
        return ""
