"""What a prompt says, for a page that shows its tags: each argument in words, problems with fixes.

Spans are [start, end] in characters of the prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..model.blocks import BLOCKS, ELEMENTS, LISTS
from ..records import Diagnostic, Span
from .argument import Argument
from .arguments import in_words
from .arguments.curve import EASINGS
from .block_weights import BlockWeights, amount, read_blocks
from .edits import counted
from .grammar import Unreadable
from .language import DEFAULT, Language
from .tags import Prompt, Tag

# The blocks that a model has; BLOCKS where it is not known.
MODEL_BLOCKS = {"SD1": LISTS[26], "SD2": LISTS[26], "SDXL": LISTS[20]}
ELEMENT_NAMES = ("attn", "self", "cross", "ff", "proj", "conv", "q", "k", "v", "out")


def describe(prompt: Prompt) -> dict[str, Any]:
    """For JSON: {tags: [{span, arguments}], problems}."""
    return {
        "tags": [
            {"span": tag.span, "arguments": [_argument(tag, one) for one in tag.arguments]}
            for tag in prompt.tags
        ],
        "problems": [_problem(problem) for problem in prompt.problems],
    }


def _argument(tag: Tag, written: Argument) -> dict[str, Any]:
    """Its place and meaning; `blocks` is what an editor of block weights begins with."""
    described: dict[str, Any] = {"span": written.span, "means": written.means, "words": ""}
    if written.means is None or counted(tag, written.means) != written:
        return described
    value = tag.values[written.means]
    described["words"] = in_words(written.means, value)
    if written.means == "lbw":
        described["blocks"] = editable(value, tag.values.get("x", 1.0))
    return described


def _problem(problem: Diagnostic) -> dict[str, Any]:
    fix = problem.fix
    return {
        "message": problem.reason or problem.message,
        "severity": problem.severity,
        "code": problem.code,
        "span": problem.span or Span(0, 0),
        "tag": problem.tag or problem.span or Span(0, 0),
        "fix": None if fix is None else {"span": fix.span, "text": fix.text},
    }


def editable(value: BlockWeights, x: float) -> dict[str, Any] | None:
    """The weight of every block, then of elements in all blocks; None for what is more than that.

    A pair decides over those before it: elements must come after the blocks to be read apart.
    """
    elements = [rule for rule in value.rules if rule.blocks is None]
    blocks = [rule for rule in value.rules if rule.blocks is not None]
    plain = all(len(rule.elements) == 1 for rule in elements) and not value.lines
    if not plain or (*blocks, *elements) != value.rules or any(rule.elements for rule in blocks):
        return None
    weights = {block: value.base if block == "BASE" else value.rest for block in BLOCKS}
    weights |= {block: amount(written, x) for block, written in value.values}
    for rule in blocks:
        weights |= dict.fromkeys(rule.blocks or (), rule.weight)
    return {
        "weights": weights,
        "elements": {rule.elements[0]: rule.weight for rule in elements},
    }


def vocabulary(language: Language = DEFAULT) -> dict[str, Any]:
    """The words that editors offer: blocks by model, presets with their weights, easings."""
    return {
        "blocks": {"": BLOCKS, **MODEL_BLOCKS},
        "elements": [name for name in ELEMENT_NAMES if name in ELEMENTS],
        "element_presets": list(language.presets.elements),
        "presets": dict(_presets(language)),
        "easings": list(EASINGS),
    }


def _presets(language: Language) -> Iterator[tuple[str, dict[str, float] | None]]:
    """Each with its weights, None where they depend on `x=` or are random."""
    for name, listed in language.presets.blocks.items():
        try:
            found = editable(read_blocks([name], language.presets), 1.0)
        except Unreadable:
            continue
        yield name, None if found is None or "X" in "".join(listed) else found["weights"]
