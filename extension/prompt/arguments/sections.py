"""`in=`, `mid=`, `out=`: SD.Next's weights of the UNet's three sections, in place of `unet`.

Layers outside all blocks, such as the time embedding, go with `in`, as they do there.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import ClassVar

from ...model.blocks import block_of
from ...records import Progress, Row, Target
from ..factor import Factor
from .base import Draft, Feature
from .curve import Curve, Value, WeightArguments, value_words

SECTIONS = {"IN": "in", "M0": "mid", "OU": "out"}  # by how the names of its blocks begin
WORDS = {"in": "blocks on the way in", "mid": "middle block", "out": "blocks on the way out"}


class SectionWeight(Factor):
    """A weight of its own for each section that has one; else what the tag says without."""

    def __init__(self, otherwise: Factor, weights: Mapping[str, Value]) -> None:
        self.otherwise, self.weights = otherwise, weights
        curves = (one.varies for one in weights.values() if isinstance(one, Curve))
        self.varies = otherwise.varies.union({"target"}, *curves)

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        weight = self.weights.get(section_of(target))
        if weight is None:
            return self.otherwise(target, row, progress)
        return weight.at(progress) if isinstance(weight, Curve) else weight

    def group(self, target: Target) -> Hashable:
        return section_of(target), self.otherwise.group(target)


class Sections(WeightArguments, Feature):
    """in, mid and out."""

    names: ClassVar[tuple[str, ...]] = ("in", "mid", "out")

    @classmethod
    def words(cls, name: str, value: Value) -> str:
        return f"{WORDS[name]}: {value_words(value)}"

    @classmethod
    def compose(cls, draft: Draft) -> None:
        given = {name: draft.values[name] for name in cls.names if name in draft.values}
        draft.factors[0] = SectionWeight(draft.factors[0], given)


def section_of(target: Target) -> str:
    """in, mid or out; "" for text encoders."""
    if target.is_text:
        return ""
    return SECTIONS.get((block_of(target) or "IN")[:2], "in")
