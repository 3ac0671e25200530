"""Block and element weights as a value says them: a list or preset, rules, and what is left."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..model.blocks import (
    BLOCKS,
    ELEMENTS,
    LISTS,
    block_name,
    has_element,
    original_name,
    span_of_blocks,
)
from ..records import Target
from .diagnostics import closest, did_you_mean
from .grammar import Unreadable
from .numbers import read_number
from .presets import ElementLine, Presets

_VARIABLE = re.compile(r"X(?:([+-])(\d*\.?\d+))?")


@dataclass(frozen=True, slots=True)
class Rule:
    """One pair: the blocks (None for all), the elements that must all fit, and the weight."""

    blocks: frozenset[str] | None
    elements: tuple[str, ...]
    weight: float

    @property
    def words(self) -> str:
        """For people: `OUT03–OUT05 cross 0.3`."""
        named = [block for block in BLOCKS if block in (self.blocks or ())]
        spans = [_span(group) for group in _neighbours(named)]
        return " ".join((*spans, *self.elements, f"{self.weight:g}"))

    def fits(self, target: Target, block: str | None) -> bool:
        """True where this rule has a say about the target."""
        if self.blocks is not None and block not in self.blocks:
            return False
        return all(has_element(target, element) for element in self.elements)


@dataclass(frozen=True, slots=True)
class BlockWeights:
    """What one argument says: a list by block, then rules, and the weight of what is left."""

    values: tuple[tuple[str, str], ...] = ()  # block, number or X as written
    rules: tuple[Rule, ...] = ()
    lines: tuple[ElementLine, ...] = ()
    rest: float = 1.0  # of UNet blocks that are not named
    base: float = 1.0  # of the text encoders, where they are not named

    @property
    def words(self) -> str:
        """For people, in short: the list by ranges, the rules, what is left."""
        parts = [f"{span} {value}" for value, span in _ranges(self.values)]
        parts += [rule.words for rule in self.rules]
        parts += ["elements of a preset"] if self.lines else []
        if self.values or any(rule.blocks for rule in self.rules):
            parts.append(f"others {self.rest:g}")
        return ", ".join(parts)


def read_blocks(items: list[str], presets: Presets) -> BlockWeights:
    """What `lbw=` says, split at its semicolons. Raises Unreadable."""
    if "@" in items[0]:
        rules, rest = _rules([pair for item in items for pair in item.split(",")])
        named = any(rule.blocks is not None for rule in rules)
        if rest is not None:
            return BlockWeights(rules=rules, rest=rest, base=rest)
        return BlockWeights(rules=rules, rest=float(not named))
    if (alone := block_name(items[0])) and items[0] not in presets.blocks:
        return read_blocks([f"{alone}@1", *items[1:]], presets)
    rules, rest = _rules(items[1:])
    return BlockWeights(_values(items[0], presets), rules, rest=rest or 0.0, base=rest or 0.0)


def _values(text: str, presets: Presets) -> tuple[tuple[str, str], ...]:
    """The list of a preset, or the one that is written out, by block."""
    listed = presets.blocks.get(text) or tuple(value.strip() for value in text.split(","))
    if len(listed) == 1:
        known = [*presets.blocks, *BLOCKS]
        unknown = f"no preset is named {text!r}{did_you_mean(text, known)}"
        raise Unreadable(unknown, fix=closest(text, known))
    if len(listed) not in LISTS:
        raise Unreadable(f"expected 12, 17, 20 or 26 numbers, found {len(listed)}")
    for value in listed:
        amount(value, 1.0)
    return tuple(zip(LISTS[len(listed)], listed, strict=True))


def amount(written: str, x: float) -> float:
    """A number of a list; X, X+0.2 and X-0.2 count from `x`. Raises Unreadable."""
    if written in {"R", "U"}:
        raise Unreadable(f"{written} is a random weight: the picture could not be reproduced")
    found = _VARIABLE.fullmatch(written)
    if not found:
        return read_number(written, "a number for each block")
    return x + float(f"{found[1]}{found[2]}") if found[1] else x


def read_elements(items: list[str], presets: Presets) -> BlockWeights:
    """What `lbwe=` says, split at its semicolons. Raises Unreadable."""
    lines = tuple(line for item in items for line in presets.elements.get(item, ()))
    rules, rest = _rules([item for item in items if item not in presets.elements])
    if rest is not None:
        raise Unreadable("REST can only be used in lbw=")
    return BlockWeights(rules=rules, lines=lines)


def _rules(items: list[str]) -> tuple[tuple[Rule, ...], float | None]:
    """The rules of `selector@number`, and the weight of REST where it is given."""
    rules: list[Rule] = []
    rest: float | None = None
    for item in items:
        selector, at, value = item.rpartition("@")
        if not at:
            raise Unreadable(f"expected a pair such as OUT03@1 or attn@0.5, found {item!r}")
        weight = read_number(value, f"a number for {selector.strip()}")
        if selector.strip().upper() == "REST":
            rest = weight
        else:
            rules.append(_rule(selector, weight))
    return tuple(rules), rest


def _rule(selector: str, weight: float) -> Rule:
    blocks: frozenset[str] | None = None
    elements: list[str] = []
    for word in selector.strip().split("."):
        names = _block_range(word)
        if names:
            blocks = (blocks or frozenset()) | names
        elif word.strip().lower() in ELEMENTS:
            elements.append(word.strip().lower())
        else:
            hint = did_you_mean(word, [*BLOCKS, *ELEMENTS])
            raise Unreadable(f"no block or element is named {word.strip()!r}{hint}")
    return Rule(blocks, tuple(elements), weight)


def _block_range(word: str) -> frozenset[str]:
    first, dash, last = (part.strip() for part in word.partition("-"))
    start, end = block_name(first), block_name(last if dash else first)
    return frozenset(span_of_blocks(start, end)) if start and end else frozenset()


def line_fits(line: ElementLine, target: Target, block: str | None) -> bool:
    """lora-block-weight's rule: elements are parts of names, blocks beginnings, none means all."""

    def in_block(word: str) -> bool:
        return block is not None and (block in _block_range(word) or block.startswith(word))

    name = original_name(target.key)
    return _chosen(line.blocks, in_block) and _chosen(line.elements, name.__contains__)


def _chosen(words: tuple[str, ...], fits: Callable[[str], bool]) -> bool:
    if words[:1] == ("NOT",):
        return not any(map(fits, words[1:]))
    return not words or any(map(fits, words))


def _ranges(values: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """(value, blocks) for what of a list is not 0; blocks in a row of one value together."""
    found: list[tuple[str, list[str]]] = []
    for block, value in values:
        if found and found[-1][0] == value:
            found[-1][1].append(block)
        else:
            found.append((value, [block]))
    return [(value, _span(blocks)) for value, blocks in found if value != "0"]


def _neighbours(blocks: list[str]) -> list[list[str]]:
    """Runs of blocks that follow each other in a model."""
    runs: list[list[str]] = []
    for block in blocks:
        if runs and BLOCKS.index(block) == BLOCKS.index(runs[-1][-1]) + 1:
            runs[-1].append(block)
        else:
            runs.append([block])
    return runs


def _span(blocks: list[str]) -> str:
    return blocks[0] if len(blocks) == 1 else f"{blocks[0]}–{blocks[-1]}"
