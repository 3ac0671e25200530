"""What the words of a prompt mean: parts, the texts of their schedules, emphasis, chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...records import Progress
from .chunks import Chunking, room_for, token_count
from .emphasis import EmphasisRun, emphasis_of
from .parts import Part, parts_of
from .word_schedule import WordEntry, entries_of

_MOST = 8  # entries that are listed for a terminal; [a|b] has one for each step


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One text that is read: in calls `first` to `last`, from 0; chunks in tokens, if counted."""

    first: int
    last: int
    text: str
    runs: tuple[EmphasisRun, ...]
    chunks: tuple[int, ...] = ()
    tokens: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        runs = [{"text": "BREAK"} if run.breaks else run._asdict() for run in self.runs]
        return {
            "first_call": self.first,
            "last_call": self.last,
            "text": self.text,
            "emphasis": runs,
            "chunks": list(self.chunks),
            "tokens": self.tokens,
        }


@dataclass(frozen=True, slots=True)
class PartLine:
    """One part of an AND, with its entries in order."""

    weight: float
    entries: tuple[EntryLine, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"weight": self.weight, "entries": [one.as_dict() for one in self.entries]}


def word_lines(
    text: str, steps: int, *, negative: bool = False, chunking: Chunking | None = None
) -> list[PartLine]:
    """The parts of a text without tags, in a pass of so many steps; counted with a tokenizer."""
    parts = [Part(text)] if negative else parts_of(text)
    return [PartLine(part.weight, tuple(_entries(part, steps, chunking))) for part in parts]


def most_tokens(lines: Sequence[PartLine]) -> tuple[int, int]:
    """As the webui counts under a prompt: the longest text of all, and how long it could get."""
    count = max(entry.tokens for part in lines for entry in part.entries)
    return count, room_for(count)


def shown(lines: Sequence[PartLine]) -> Iterator[str]:
    """For a terminal; nothing where the words are as plain as they look."""
    plain = len(lines) == 1 and lines[0].weight == 1 and len(lines[0].entries) == 1
    for number, part in enumerate(lines):
        if not plain:
            yield f"part {number + 1}, weight {part.weight:g}"
        for entry in part.entries[:_MOST]:
            if not plain:
                yield f"  steps {entry.first + 1}–{entry.last + 1}  {entry.text!r}"
            yield from (f"    {line}" for line in _facts(entry))
        if len(part.entries) > _MOST:
            yield f"  and {len(part.entries) - _MOST} more"


def _facts(entry: EntryLine) -> Iterator[str]:
    if len(entry.chunks) > 1:
        yield f"chunks  {' + '.join(map(str, entry.chunks))} tokens"
    elif entry.chunks:
        yield f"tokens  {entry.tokens} of {room_for(entry.tokens)}"
    for run in entry.runs:
        if run.weight != 1 and not run.breaks:
            yield f"× {run.weight:.4g}  {run.text!r}"


def _entries(part: Part, steps: int, chunking: Chunking | None) -> Iterator[EntryLine]:
    first = 0
    for entry in entries_of(part.text, Progress(steps=steps, calls=steps)):
        last = min(entry.end, steps - 1)
        if first <= last:
            yield _entry(entry, first, last, chunking)
        first = entry.end + 1


def _entry(entry: WordEntry, first: int, last: int, chunking: Chunking | None) -> EntryLine:
    runs = tuple(emphasis_of(entry.text))
    if chunking is None:
        return EntryLine(first, last, entry.text, runs)
    chunks = chunking.chunks(runs)
    lengths = tuple(len(chunk.ids) for chunk in chunks)
    return EntryLine(first, last, entry.text, runs, lengths, token_count(chunks))
