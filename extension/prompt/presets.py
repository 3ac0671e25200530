"""Named block weights: the well-known ones, and the user's own lines.

A user's file has the format of sd-webui-lora-block-weight. A block preset is one line
`NAME:0,1,1,…` (12, 17, 20 or 26 values; `X` and `X+0.2` count from the value of `x=`). An element
preset is `NAME:blocks:elements:number`; further `blocks:elements:number` follow after a comma or
on lines of their own. Blocks and elements are separated by spaces and may be ranges
(`IN05-OUT04`); `NOT` in front inverts the choice. Lines with `#` and all other lines are comments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..model.blocks import LISTS

_FRACTIONS = ("0.5",) * 17


@dataclass(frozen=True, slots=True)
class ElementLine:
    """`blocks:elements:number`: sets the weight of some elements in some blocks."""

    blocks: tuple[str, ...]
    elements: tuple[str, ...]
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class Presets:
    """Names → values of a list, as written; names → element lines."""

    blocks: Mapping[str, tuple[str, ...]]
    elements: Mapping[str, tuple[ElementLine, ...]]


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

KNOWN = Presets(MappingProxyType(_KNOWN), MappingProxyType(_KNOWN_ELEMENTS))


def read_presets(text: str) -> Presets:
    """The known presets and those of a user's file, which may redefine them."""
    return Presets(
        MappingProxyType({**_KNOWN, **_block_lines(text)}),
        MappingProxyType({**_KNOWN_ELEMENTS, **_element_lines(text)}),
    )


def _block_lines(text: str) -> dict[str, tuple[str, ...]]:
    found = {}
    for line in text.splitlines():
        name, colon, values = line.partition(":")
        listed = tuple(value.strip() for value in values.split(","))
        if colon and "#" not in line and len(listed) in LISTS:
            found[name.strip()] = listed
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
