"""`only=cond`, `only=uncond`, `only=part`: the rows of the batch on which a tag acts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

from ...records import Progress, Row, Target
from ..factor import Factor
from ..grammar import Unreadable
from .base import Draft, Feature, Remark, WrittenArgument, one_of

MEANINGS = {"cond": "the positive side", "uncond": "the negative side", "part": "its AND part"}
WORDS = tuple(MEANINGS)


class OneSide(Factor):
    """1 on the rows of one side of the guidance."""

    varies = frozenset({"row"})

    def __init__(self, side: str) -> None:
        self.side = side

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        return 1.0 if row.side == self.side else 0.0


class AndPart(Factor):
    """1 on the rows of one part of `a AND b`."""

    varies = frozenset({"row"})

    def __init__(self, part: int) -> None:
        self.part = part

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        return 1.0 if row.side == "cond" and row.part == self.part else 0.0


class Only(Feature):
    """only."""

    names: ClassVar[tuple[str, ...]] = ("only",)

    @classmethod
    def read(cls, written: WrittenArgument) -> frozenset[str]:
        words = re.split(r"[,;+]", written.text)
        try:
            return frozenset(one_of(word, WORDS) for word in words)
        except Unreadable as error:
            if len(words) > 1:
                error.fix = None  # it is about one word of several
            raise

    @classmethod
    def words(cls, name: str, value: frozenset[str]) -> str:  # noqa: ARG003
        return f"only on {' and '.join(MEANINGS[word] for word in WORDS if word in value)}"

    @classmethod
    def compose(cls, draft: Draft) -> None:
        only = draft.values["only"]
        for side in sorted(only & {"cond", "uncond"}):
            draft.factors.append(OneSide(side))
        if "part" in only and draft.part is not None:
            draft.factors.append(AndPart(draft.part))

    @classmethod
    def remarks(cls, draft: Draft) -> Iterable[Remark]:
        only = draft.values["only"]
        if draft.part is None and "cond" in only:
            text = "a tag in a negative prompt acts on the negative side, so this one never acts"
            yield Remark("only", "never-on", text)
        if draft.part is None and "part" in only:
            text = "a negative prompt has no AND parts, so only=part has no effect in it"
            yield Remark("only", "no-effect", text, idle=only == {"part"})
        if "uncond" in only and only & {"cond", "part"}:
            text = "uncond excludes cond and part, so this tag never acts"
            yield Remark("only", "never-on", text)
