"""`mask=` and `soft=`: where in the picture a tag acts.

    mask=left              a half: left, right, top, bottom; or middle
    mask=0,0,0.5,1         a box: left, top, right, bottom, in fractions from the top left corner
    mask=face              a mask picture by its name: white acts, black does not
    mask=left:soft=0.1     with an edge as wide as a tenth of the picture's shorter side

The text encoder reads words, which have no place: there a tag acts as without a mask.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ..grammar import Unreadable
from ..numbers import finite_number, read_number, what_was_found
from ..region import NAMED, WHOLE, Box, Region
from .base import Draft, Feature, Remark, WrittenArgument

CORNERS = "left, top, right, bottom in fractions of the picture (0,0,0.5,1)"


class Masks(Feature):
    """mask."""

    names: ClassVar[tuple[str, ...]] = ("mask",)
    is_weight: ClassVar[bool] = True  # a LoRA in another place is another picture

    @classmethod
    def read(cls, written: WrittenArgument) -> Region:
        text = written.text.strip()
        if not text:
            known = ", ".join(NAMED)
            raise Unreadable(f"expected {known}, a box or a mask picture's name, found nothing")
        if (named := NAMED.get(text.lower())) is not None:
            return Region(named)
        numbers = [finite_number(part) for part in text.split(",")]
        if any(number is None for number in numbers):
            return Region(name=text)
        return Region(_box([number for number in numbers if number is not None], text))

    @classmethod
    def words(cls, name: str, value: Region) -> str:  # noqa: ARG003
        return value.words

    @classmethod
    def remarks(cls, draft: Draft) -> Iterable[Remark]:
        if draft.values["mask"].box == WHOLE:
            yield Remark("mask", "no-effect", "this box is the whole picture", idle=True)


class Softness(Feature):
    """soft."""

    names: ClassVar[tuple[str, ...]] = ("soft",)

    @classmethod
    def read(cls, written: WrittenArgument) -> float:
        expected = "a fraction of the picture's shorter side (0.1)"
        value = read_number(written.text, expected)
        if not 0 <= value <= 1:
            raise Unreadable(f"expected {expected}, 0 to 1, {what_was_found(written.text)}")
        return value

    @classmethod
    def words(cls, name: str, value: float) -> str:  # noqa: ARG003
        return f"with an edge {value * 100:.4g} % wide" if value else "with a hard edge"

    @classmethod
    def remarks(cls, draft: Draft) -> Iterable[Remark]:
        if "mask" not in draft.values:
            yield Remark("soft", "no-effect", "soft= has no effect without mask=", idle=True)


def _box(corners: list[float], text: str) -> Box:
    if len(corners) != 4:
        raise Unreadable(f"expected {CORNERS}, found {len(corners)} numbers")
    left, top, right, bottom = corners
    if left == right or top == bottom:
        raise Unreadable(f"this box is empty: expected {CORNERS}, found {text!r}")
    if left > right or top > bottom:
        x, y = sorted((left, right)), sorted((top, bottom))
        meant = ",".join(f"{one:g}" for one in (x[0], y[0], x[1], y[1]))
        raise Unreadable(f"the corners are in the wrong order: expected {CORNERS}", fix=meant)
    if min(corners) < 0 or max(corners) > 1:
        inside = [min(max(one, 0.0), 1.0) for one in corners]
        kept = inside[0] < inside[2] and inside[1] < inside[3]
        near = kept and max(corners) <= 2
        fix = ",".join(f"{one:g}" for one in inside) if near else None
        raise Unreadable(f"this is outside the picture: expected {CORNERS}", fix=fix)
    return (left, top, right, bottom)
