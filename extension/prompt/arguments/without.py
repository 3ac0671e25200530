"""`without=OUT03`: the tag leaves a block alone; `without=none;IN04;OUT03` one for each picture.

So a job draws the picture as it is, then without one block at a time: what each block does to it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from typing import ClassVar

from ...model.blocks import BLOCKS, block_name, block_of
from ...records import Progress, Row, Target
from ..diagnostics import closest
from ..factor import Factor
from ..grammar import Unreadable
from ..numbers import what_was_found
from .base import Draft, Feature, Remark, WrittenArgument

NONE = "none"
EXPECTED = "blocks separated by semicolons (none;IN04;OUT03)"


class LeftOut(Factor):
    """0 on the block whose turn it is with this picture, else 1."""

    def __init__(self, blocks: tuple[str, ...]) -> None:
        self.blocks = blocks
        self.varies = frozenset({"target", "row"} if len(blocks) > 1 else {"target"})

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        left_out = self.blocks[row.picture % len(self.blocks)]
        return 0.0 if left_out == block_of(target) else 1.0

    def group(self, target: Target) -> Hashable:
        block = block_of(target)
        return block if block in self.blocks else None


class Without(Feature):
    """without."""

    names: ClassVar[tuple[str, ...]] = ("without",)
    is_weight: ClassVar[bool] = True

    @classmethod
    def read(cls, written: WrittenArgument) -> tuple[str, ...]:
        return tuple(_block(word) for word in re.split(r"[;,]", written.text))

    @classmethod
    def words(cls, name: str, value: tuple[str, ...]) -> str:  # noqa: ARG003
        if len(value) == 1:
            return f"not in {value[0]}" if value[0] != NONE else "in all blocks"
        return f"pictures in turn without: {', '.join(value)}"

    @classmethod
    def compose(cls, draft: Draft) -> None:
        draft.factors.append(LeftOut(draft.values["without"]))

    @classmethod
    def remarks(cls, draft: Draft) -> Iterable[Remark]:
        if draft.values["without"] == (NONE,):
            yield Remark("without", "no-effect", "without=none leaves no block out", idle=True)


def _block(word: str) -> str:
    if word.strip().lower() == NONE:
        return NONE
    found = block_name(word)
    if found is None:
        expected = f"expected {EXPECTED}, {what_was_found(word)}"
        raise Unreadable(expected, fix=closest(word.strip(), [*BLOCKS, NONE]))
    return found
