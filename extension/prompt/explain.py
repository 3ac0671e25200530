"""What a prompt means, for people (a chart in the terminal) and for programs (a dict)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ..records import Diagnostic, Progress, Row, Side, Target
from .diagnostics import caret
from .parse import parse
from .samples import TEXT, labels, samples
from .tags import Argument, Prompt, Tag
from .words.chunks import Chunking
from .words.word_lines import PartLine, shown, word_lines

_BARS = " ▁▂▃▄▅▆▇█"
_WIDEST = 50  # columns of a chart


@dataclass(frozen=True, slots=True)
class TagLine:
    """The weights of a tag over the steps, where `where` says for what: blocks, rows, pass."""

    where: str
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A prompt, read for `steps` steps."""

    prompt: Prompt
    steps: int
    words: tuple[PartLine, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON: text, steps, parts, tags (with `lines` of weights by step), problems."""
        return {
            "text": self.prompt.text,
            "steps": self.steps,
            "parts": [part.as_dict() for part in self.words],
            "tags": [self._tag(tag) for tag in self.prompt.tags],
            "problems": [_record(problem) for problem in self.prompt.problems],
        }

    def lines(self) -> Iterator[str]:
        """For a terminal: the clean text, each tag with its chart, problems with carets."""
        yield f"text  {self.prompt.text!r}"
        yield from shown(self.words)
        for tag in self.prompt.tags:
            yield ""
            yield f"{tag.source}  {_facts(tag)}".rstrip()
            yield from _charts(weights(tag, self.steps))
        for problem in self.prompt.problems:
            yield ""
            yield f"{problem.severity}:"
            yield caret(self.prompt.source, problem)

    def _tag(self, tag: Tag) -> dict[str, Any]:
        return {
            "source": tag.source,
            "kind": tag.kind,
            "name": tag.name,
            "span": tag.span._asdict(),
            "part": tag.part,
            "rank": tag.rank,
            "hash": tag.hash,
            "on": tag.on,
            "sweep": tag.sweep,
            "region": None if tag.region is None else asdict(tag.region),
            "arguments": [_record(argument) for argument in tag.arguments],
            "lines": [_record(line) for line in weights(tag, self.steps)],
        }


def _record(item: Argument | TagLine | Diagnostic) -> dict[str, Any]:
    """Its fields; a span as start and end."""
    span = getattr(item, "span", None)
    return asdict(item) | ({"span": span._asdict()} if span else {})


def explain(
    prompt: str, steps: int = 30, *, negative: bool = False, chunking: Chunking | None = None
) -> Explanation:
    """What the prompt means in a pass of so many steps, and in a hires pass of as many.

    With a tokenizer (`chunking`), tokens are counted.
    """
    read, steps = parse(prompt, negative=negative), max(1, steps)
    words = word_lines(read.text, steps, negative=negative, chunking=chunking)
    return Explanation(read, steps, tuple(words))


def weights(tag: Tag, steps: int) -> list[TagLine]:
    """The tag's weights in the first pass and, where they differ, in the hires pass."""
    lines: dict[str, tuple[float, ...]] = {}
    for row_name, row in _rows(tag):
        for hires in (False, True):
            passes = [
                Progress(step, steps, None, hires, step, steps, steps if hires else None)
                for step in range(steps)
            ]
            for blocks, curve in _by_blocks(tag, row, passes):
                where = " ".join(filter(None, ("unet", blocks, row_name)))
                if not hires or lines.get(where) != curve:
                    lines[f"{where} hires" if hires else where] = curve
            te = _curve(tag, TEXT, row, passes if tag.scheduled else passes[:1])
            where = " ".join(filter(None, ("te", row_name)))
            if not hires or lines.get(where) != te:
                lines[f"{where} hires" if hires else where] = te
    return [TagLine(where, curve) for where, curve in lines.items()]


def _by_blocks(
    tag: Tag, row: Row, passes: list[Progress]
) -> Iterator[tuple[str, tuple[float, ...]]]:
    """One curve per set of blocks that have it in common."""
    if "target" not in tag.varies:
        yield "", _curve(tag, samples()[0][1], row, passes)
        return
    found: dict[tuple[float, ...], list[str]] = {}
    for name, target in samples():
        found.setdefault(_curve(tag, target, row, passes), []).append(name)
    for curve, names in found.items():
        yield labels(names), curve


def _curve(tag: Tag, target: Target, row: Row, passes: Iterable[Progress]) -> tuple[float, ...]:
    return tuple(round(tag.weight(target, row, progress), 6) for progress in passes)


def _rows(tag: Tag) -> list[tuple[str, Row]]:
    """The rows among which the tag tells a difference."""
    if tag.sweep:
        return [(f"picture {i + 1}", Row(picture=i, part=tag.part)) for i in range(len(tag.sweep))]
    if "row" not in tag.varies:
        return [("", Row())]
    sides: tuple[Side, ...] = ("cond", "uncond")
    return [(side, Row(side=side, part=tag.part if side == "cond" else 0)) for side in sides]


def _facts(tag: Tag) -> str:
    facts = [f"part {tag.part + 1}"] if tag.part else []
    facts += [f"rank {tag.rank}"] if tag.rank else []
    facts += [f"hash {tag.hash}"] if tag.hash else []
    facts += [tag.region.words] if tag.region else []
    return ", ".join([*facts, *([] if tag.on else ["off"])])


def _charts(lines: list[TagLine]) -> Iterator[str]:
    width = min(24, max(len(line.where) for line in lines))
    top = max((abs(weight) for line in lines for weight in line.weights), default=0.0) or 1.0
    for line in lines:
        chart = "".join(_bar(weight / top) for weight in _columns(line.weights))
        where = line.where
        if len(where) > width:
            yield f"  {where}"
            where = ""
        yield f"  {where:<{width}}  {_range(line):<10}  {chart}".rstrip()


def _columns(weights: tuple[float, ...]) -> list[float]:
    """What is drawn: every step, or of many steps as many as fit; nothing of a single value."""
    count = len(weights)
    if count == 1:
        return []
    shown = min(count, _WIDEST)
    return [weights[round(column * (count - 1) / (shown - 1))] for column in range(shown)]


def _moves(line: TagLine) -> bool:
    return len(set(line.weights)) > 1


def _bar(share: float) -> str:
    """A column of one character; what is below zero is shown as a minus."""
    return "-" if share < 0 else _BARS[round(share * (len(_BARS) - 1))]


def _range(line: TagLine) -> str:
    if not _moves(line):
        return f"{line.weights[0]:g}"
    return f"{line.weights[0]:g} → {line.weights[-1]:g}"
