"""The parts of `a AND b :0.5`, each with its weight, as the webui divides a prompt."""

from __future__ import annotations

import re
from typing import NamedTuple

AND = re.compile(r"\bAND\b")
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?|\d*\.\d+))")


class Part(NamedTuple):
    """One side of an AND; the noise predictions of the parts are added with their weights."""

    text: str
    weight: float = 1.0


def parts_of(text: str) -> list[Part]:
    """All parts of a positive prompt, at least one. A prompt without AND can have a weight, too."""
    return [_part(piece) for piece in AND.split(text)]


def before_weight(part: str) -> int:
    """Where the weight of `part :0.5` begins, with the blanks before it; the host cuts it off."""
    body = part.rstrip()
    colon = body.rfind(":")
    if colon >= 0 and _NUMBER.fullmatch(body, colon + 1):
        return len(body[:colon].rstrip())
    return len(body)


def _part(piece: str) -> Part:
    end = before_weight(piece)
    written = piece[end:].strip().removeprefix(":")
    return Part(piece[:end], float(written) if written else 1.0)
