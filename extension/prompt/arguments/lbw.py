"""`lbw=` and `lbwe=`: weights per block and element of the model.

    lbw=OUTD                       a preset
    lbw=1,0,0,…                    12, 17, 20 or 26 numbers (see LISTS in ../blocks.py)
    lbw=IN01@0.5;OUT03-OUT05@1     pairs; UNet blocks that are not named get 0
    lbw=attn@0.5;ff@0              elements; what is not named keeps 1
    lbw=OUTALL;IN04.cross@0.3      a preset or list first, then pairs
    lbw=IN04@0;REST@1              REST is all that is not named, BASE too

Pairs are read from left to right and the last one that fits a layer decides. `lbwe=` takes the
same element pairs, or presets of elements, and comes after `lbw=`. `x=` is the X of a preset.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import ClassVar

from ...model.blocks import LISTS, block_name, block_of
from ...records import Progress, Row, Target
from ..block_weights import BlockWeights, amount, line_fits, read_blocks, read_elements
from ..factor import Factor
from ..grammar import Unreadable
from ..numbers import read_number
from .base import Draft, Feature, Remark, WrittenArgument


class BlockFactor(Factor):
    """The weight that the last fitting rule gives, found once per target."""

    varies = frozenset({"target"})

    def __init__(self, choice: BlockWeights, elements: BlockWeights, x: float) -> None:
        self.by_block = {block: amount(written, x) for block, written in choice.values}
        self.rest, self.base = choice.rest, choice.base
        self.rules = (*choice.rules, *elements.rules)
        self.lines = (*choice.lines, *elements.lines)
        self._found: dict[tuple[str, str], float] = {}

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        name = (target.component, target.key)
        weight = self._found.get(name)
        if weight is None:
            weight = self._found[name] = self._weight(target)
        return weight

    def group(self, target: Target) -> Hashable:
        return self(target, Row(), Progress())

    def _weight(self, target: Target) -> float:
        block = block_of(target)
        weight = self.base if block == "BASE" else self.rest if block else 1.0
        if block in self.by_block:
            weight = self.by_block[block]
        for rule in self.rules:
            if rule.fits(target, block):
                weight = rule.weight
        for line in self.lines:
            if line_fits(line, target, block):
                weight = line.weight
        return weight


class Lbw(Feature):
    """lbw, lbwe and x."""

    names: ClassVar[tuple[str, ...]] = ("lbw", "lbwe", "x")
    shares: ClassVar[tuple[int, ...]] = (2, 3)
    is_weight: ClassVar[bool] = True

    @classmethod
    def read(cls, written: WrittenArgument) -> BlockWeights | float:
        if written.name == "x":
            return read_number(written.text, "a number for X")
        items = [item.strip() for item in written.text.split(";") if item.strip()]
        if not items:
            raise Unreadable(
                "expected a preset, a list of numbers or pairs such as OUT03@1, found nothing"
            )
        read = read_elements if written.name == "lbwe" else read_blocks
        try:
            return read(items, written.language.presets)
        except Unreadable as error:
            if len(items) > 1:
                error.fix = None  # it is about one item, and nobody knows its place
            raise

    @classmethod
    def words(cls, name: str, value: BlockWeights | float) -> str:
        if not isinstance(value, BlockWeights):
            return f"X is {value:g}"
        return f"{'elements' if name == 'lbwe' else 'blocks'}: {value.words}"

    @classmethod
    def recognise(cls, written: WrittenArgument) -> str | None:
        """lora-block-weight's old form: the blocks after the weight, the elements after them."""
        text, presets = written.text.strip(), written.language.presets
        listed = text.count(",") + 1 in LISTS and "@" not in text
        if written.position == 2 and (listed or text in presets.blocks or block_name(text)):
            return "lbw"
        return "lbwe" if written.position == 3 and text in presets.elements else None

    @classmethod
    def compose(cls, draft: Draft) -> None:
        values = draft.values
        if values.keys() & {"lbw", "lbwe"}:
            choice = values.get("lbw", BlockWeights()), values.get("lbwe", BlockWeights())
            draft.factors.append(BlockFactor(*choice, values.get("x", 1.0)))

    @classmethod
    def remarks(cls, draft: Draft) -> Iterable[Remark]:
        choice = draft.values.get("lbw", BlockWeights())
        if "x" in draft.values and not any("X" in value for _, value in choice.values):
            text = "x= has no effect without a preset that contains X"
            yield Remark("x", "no-effect", text, idle=True)
