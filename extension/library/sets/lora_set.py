"""What a set is, and what is taken for one: sets come from strangers, too."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_NAME = 300  # characters
LONGEST_TEXT = 20_000
MOST_MEMBERS = 100
MOST_ARGUMENTS = 50
HASH = re.compile(r"[0-9a-f]{8,64}")
ArgumentText = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class SetMember:
    """A LoRA of a set: its name where the set was made, the beginning of its hash ("" if that is
    not known), and the arguments of its tag as (name or None, value)."""

    name: str
    hash: str = ""
    arguments: tuple[ArgumentText, ...] = ()


@dataclass(frozen=True, slots=True)
class LoraSet:
    """LoRAs that go together.

    `words` and `negative` go into the prompts with them; `prompt` is that of its picture, to read.
    `base` is the base model as its maker calls it.
    """

    name: str
    members: tuple[SetMember, ...]
    words: str = ""
    negative: str = ""
    prompt: str = ""
    base: str = ""

    @property
    def id(self) -> str:
        """16 hex digits made of everything that is in it."""
        text = json.dumps(written(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def written(one: LoraSet) -> dict[str, Any]:
    """The set as JSON; what is empty is left out."""
    texts = {key: getattr(one, key) for key in ("words", "negative", "prompt", "base")}
    return {
        "name": one.name,
        "loras": [_written_member(member) for member in one.members],
        **{key: value for key, value in texts.items() if value},
    }


def _written_member(member: SetMember) -> dict[str, Any]:
    found: dict[str, Any] = {"name": member.name}
    if member.hash:
        found["hash"] = member.hash
    if member.arguments:
        found["arguments"] = [list(pair) for pair in member.arguments]
    return found


def set_of(content: Any) -> LoraSet:
    """A set from JSON of anybody's. ValueError says what is not as it must be."""
    if not isinstance(content, Mapping):
        raise ValueError("a set is a JSON object")
    members = content.get("loras")
    if not isinstance(members, list) or not 0 < len(members) <= MOST_MEMBERS:
        raise ValueError(f"a set has 1 to {MOST_MEMBERS} LoRAs")
    texts = {key: text(content.get(key, "")) for key in ("words", "negative", "prompt", "base")}
    name = text(content.get("name"), LONGEST_NAME).strip()
    if not name:
        raise ValueError("a set has a name")
    return LoraSet(name, tuple(map(_member_of, members)), **texts)


def _member_of(content: Any) -> SetMember:
    if not isinstance(content, Mapping):
        raise ValueError("each LoRA of a set is a JSON object")
    name = text(content.get("name"), LONGEST_NAME)
    if not name.strip():
        raise ValueError("each LoRA of a set has a name")
    return SetMember(name, hash_of(content.get("hash")), tuple(_arguments(content)))


def _arguments(content: Mapping[str, Any]) -> Iterator[ArgumentText]:
    found = content.get("arguments", [])
    if not isinstance(found, list) or len(found) > MOST_ARGUMENTS:
        raise ValueError(f"a LoRA of a set has up to {MOST_ARGUMENTS} arguments")
    for pair in found:
        if not isinstance(pair, list) or len(pair) != 2:
            raise ValueError("an argument is a pair: its name or null, and its value")
        name, value = pair
        if name is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,30}", str(name)):
            raise ValueError("an argument's name is a short word")
        yield name, text(value, 2000)


def text(value: Any, most: int = LONGEST_TEXT) -> str:
    """A text without signs that no screen shows; ValueError for anything else."""
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"a text of a set has up to {most:,} characters")
    return "".join(c for c in value if c.isprintable() or c in "\n\t")


def hash_of(value: Any) -> str:
    """8 to 64 hex digits in lower case; "" for anything else."""
    found = value.lower() if isinstance(value, str) else ""
    return found if HASH.fullmatch(found) else ""
