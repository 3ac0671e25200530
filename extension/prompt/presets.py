"""Named block weights: the well-known ones, and the user's own lines.

A user's file has lora-block-weight's format. For blocks a line `NAME:0,1,1,…` (12, 17, 20 or 26
values; `X`, `X+0.2`: the value of `x=`); for elements `NAME:blocks:elements:number`, several of
them parted by a comma or on lines of their own; blocks and elements parted by blanks, with ranges
(`IN05-OUT04`), `NOT` in front turns the choice round. Lines with `#` and other lines are comments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..model.blocks import LISTS

_FRACTIONS = ("0.5",) * 17


@dataclass(frozen=True, slots=True)
class ElementLine:
    """`blocks:elements:number`: sets the weight of some elements in some blocks."""

    blocks: tuple[str, ...]
    elements: tuple[str, ...]
    weight: float


@dataclass(slots=True)
class Presets:
    """Names → values of a list, as written; names → element lines."""

    blocks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    elements: dict[str, tuple[ElementLine, ...]] = field(default_factory=dict)
    edition: int = 0  # counts definitions: what was read by older ones is read again


def _bits(base: int, rest: str) -> tuple[str, ...]:
    return (str(base), *rest)


# BASE, IN01 02 04 05 07 08, M00, OUT03–11.
_KNOWN: dict[str, tuple[str, ...]] = {
    "NONE": _bits(0, "0000000000000000"),
    "ALL": _bits(1, "1111111111111111"),
    "INS": _bits(1, "1110000000000000"),
    "IND": _bits(1, "0001110000000000"),
    "INALL": _bits(1, "1111110000000000"),
    "MIDD": _bits(1, "0001111111100000"),
    "OUTD": _bits(1, "0000000111100000"),
    "OUTS": _bits(1, "0000000000011111"),
    "OUTALL": _bits(1, "0000000111111111"),
    "ALL0.5": _FRACTIONS,
}
_DEEP = ("IN05-OUT05",)
_KNOWN_ELEMENTS: dict[str, tuple[ElementLine, ...]] = {
    "ATTNDEEPON": (ElementLine(_DEEP, ("attn",), 1.0),),
    "ATTNDEEPOFF": (ElementLine(_DEEP, ("attn",), 0.0),),
    "PROJDEEPOFF": (ElementLine(_DEEP, ("proj",), 0.0),),
}

presets = Presets(dict(_KNOWN), dict(_KNOWN_ELEMENTS))


def define(text: str) -> Presets:
    """Takes the user's own presets from the text of a file; what was defined before is forgotten.

    The known names can be redefined. Returns all presets that now exist.
    """
    presets.blocks = {**_KNOWN, **_block_lines(text)}
    presets.elements = {**_KNOWN_ELEMENTS, **_element_lines(text)}
    presets.edition += 1
    return presets


def _block_lines(text: str) -> dict[str, tuple[str, ...]]:
    found = {}
    for line in text.splitlines():
        name, colon, values = line.partition(":")
        parted = tuple(value.strip() for value in values.split(","))
        if colon and "#" not in line and len(parted) in LISTS:
            found[name.strip()] = parted
    return found


def _element_lines(text: str) -> dict[str, tuple[ElementLine, ...]]:
    found: dict[str, tuple[ElementLine, ...]] = {}
    name = ""
    for entry in re.split(r"[\n,]", text):
        parts = [part.strip() for part in entry.split(":")]
        if len(parts) == 4 and "#" not in entry:
            name, *parts = parts
            found[name] = ()
        if len(parts) == 3 and name and (line := _element_line(*parts)):
            found[name] += (line,)
        elif not entry.strip():
            name = ""
    return found


def _element_line(blocks: str, elements: str, number: str) -> ElementLine | None:
    try:
        return ElementLine(tuple(blocks.split()), tuple(elements.split()), float(number))
    except ValueError:
        return None
