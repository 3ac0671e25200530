"""`on=0` keeps the tag and switches it off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ...words import Progress, Row, Target
from ..factor import Factor
from .base import Feature, Place, one_of

WORDS = {"1": True, "0": False, "on": True, "off": False, "true": True, "false": False}


class Off(Factor):
    """0 everywhere."""

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        return 0.0


class Switch(Feature):
    """on."""

    names: ClassVar[tuple[str, ...]] = ("on",)

    @classmethod
    def read(cls, name: str, text: str) -> bool:
        return WORDS[one_of(text, tuple(WORDS))]

    @classmethod
    def compose(cls, values: Mapping[str, Any], place: Place, factors: list[Factor]) -> None:
        if not values.get("on", True):
            factors.append(Off())
