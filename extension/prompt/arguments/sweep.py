"""`sweep=0;0.5;1`: lays weights over the pictures of a job, one each, repeating."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

from ...records import Progress, Row, Target
from ..factor import Factor
from ..numbers import read_number
from .base import Draft, Feature, Remark, WrittenArgument, one_of


class Sweep(Factor):
    """The value whose turn it is with this picture."""

    varies = frozenset({"row"})

    def __init__(self, weights: tuple[float, ...]) -> None:
        self.weights = weights

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        return self.weights[row.picture % len(self.weights)]


class Sweeps(Feature):
    """sweep; it multiplies the weight of the tag, which is 1 where none is written."""

    names: ClassVar[tuple[str, ...]] = ("sweep",)
    is_weight: ClassVar[bool] = True

    @classmethod
    def read(cls, written: WrittenArgument) -> tuple[float, ...]:
        values = re.split(r"[;,]", written.text)
        return tuple(
            read_number(one, "numbers separated by semicolons (0;0.5;1)") for one in values
        )

    @classmethod
    def words(cls, name: str, value: tuple[float, ...]) -> str:  # noqa: ARG003
        return f"pictures in turn: {', '.join(f'{one:g}' for one in value)}"

    @classmethod
    def compose(cls, draft: Draft) -> None:
        draft.factors.append(Sweep(draft.values["sweep"]))


class Seed(Feature):
    """`seed=same`: the pictures of a sweep get one seed, so that only the weight differs."""

    names: ClassVar[tuple[str, ...]] = ("seed",)

    @classmethod
    def read(cls, written: WrittenArgument) -> str:
        return one_of(written.text, ("same",))

    @classmethod
    def words(cls, name: str, value: str) -> str:  # noqa: ARG003
        return "one seed for all pictures"

    @classmethod
    def remarks(cls, draft: Draft) -> Iterable[Remark]:
        if not {"sweep", "without"} & draft.values.keys():
            yield Remark("seed", "no-effect", "seed= has no effect without sweep=", idle=True)
