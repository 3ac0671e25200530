"""`on=0` keeps the tag and switches it off."""

from __future__ import annotations

from typing import ClassVar

from ...records import Progress, Row, Target
from ..factor import Factor
from .base import Draft, Feature, WrittenArgument, one_of

WORDS = {"1": True, "0": False, "on": True, "off": False, "true": True, "false": False}


class Off(Factor):
    """0 everywhere."""

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        return 0.0


class Switch(Feature):
    """on."""

    names: ClassVar[tuple[str, ...]] = ("on",)

    @classmethod
    def read(cls, written: WrittenArgument) -> bool:
        return WORDS[one_of(written.text, tuple(WORDS))]

    @classmethod
    def words(cls, name: str, value: bool) -> str:  # noqa: ARG003
        return "on" if value else "off"

    @classmethod
    def compose(cls, draft: Draft) -> None:
        if not draft.values["on"]:
            draft.factors.append(Off())
