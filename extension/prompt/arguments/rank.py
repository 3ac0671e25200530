"""`dyn=8`: uses the first 8 ranks of the network (a DyLoRA is trained for that)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ..numbers import read_whole_number
from .base import Feature, WrittenArgument


class Rank(Feature):
    """dyn, also in the third position, as in A1111."""

    names: ClassVar[tuple[str, ...]] = ("dyn",)
    positions: ClassVar[Mapping[int, str]] = {3: "dyn"}

    @classmethod
    def words(cls, name: str, value: int) -> str:  # noqa: ARG003
        return "first rank only" if value == 1 else f"first {value} ranks only"

    @classmethod
    def read(cls, written: WrittenArgument) -> int:
        return read_whole_number(written.text, "a whole number of ranks")
