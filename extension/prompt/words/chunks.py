"""Chunks: a text is read 75 tokens at a time, and a comma near the end of one ends it early."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from .emphasis import EmphasisRun

LENGTH = 75
BACKTRACK = 20  # tokens behind a comma that may move on to the next chunk
PLACEHOLDER = 0  # a token in the place of each vector of an embedding

Tokenize = Callable[[list[str]], Sequence[Sequence[int]]]


class Vectors(Protocol):
    """A textual inversion, as far as chunks are concerned: how many tokens it takes."""

    @property
    def count(self) -> int: ...


class Insert(NamedTuple):
    """Vectors that stand from token `offset` of a chunk on, in the place of tokens."""

    offset: int
    vectors: Vectors


# What of these token ids, from that place on, names an embedding: it, and how many ids it takes.
Find = Callable[[Sequence[int], int], tuple[Vectors, int] | None]


@dataclass(slots=True)
class Chunk:
    """At most 75 token ids with a weight each; `ended` where the text goes on behind it."""

    ids: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    inserts: list[Insert] = field(default_factory=list)
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Chunking:
    """How one tokenizer's texts are divided."""

    tokenize: Tokenize
    comma: int | None
    length: int = LENGTH
    backtrack: int = BACKTRACK
    find: Find = lambda ids, at: None

    def chunks(self, runs: Sequence[EmphasisRun]) -> list[Chunk]:
        """All chunks of a text, at least one."""
        filling = _Filling(self)
        for run, ids in zip(runs, self.tokenize([run.text for run in runs]), strict=True):
            if run.breaks:
                filling.end()
            else:
                filling.add(list(ids), run.weight)
        if filling.chunk.ids or not filling.chunks:
            filling.chunks.append(filling.chunk)
        return filling.chunks


class _Filling:
    def __init__(self, chunking: Chunking) -> None:
        self.of = chunking
        self.chunks: list[Chunk] = []
        self.chunk = Chunk()
        self.comma: int | None = None  # the last one's place in this chunk

    def end(self) -> None:
        """This chunk is complete, and another begins."""
        self.chunk.ended = True
        self.chunks.append(self.chunk)
        self.chunk, self.comma = Chunk(), None

    def add(self, ids: list[int], weight: float) -> None:
        position = 0
        while position < len(ids):
            self.make_room(ids[position])
            found = self.of.find(ids, position)
            if found is None:
                self.chunk.ids.append(ids[position])
                self.chunk.weights.append(weight)
                position += 1
                continue
            vectors, taken = found
            if len(self.chunk.ids) + vectors.count > self.of.length:
                self.end()
            self.chunk.inserts.append(Insert(len(self.chunk.ids), vectors))
            self.chunk.ids += [PLACEHOLDER] * vectors.count
            self.chunk.weights += [weight] * vectors.count
            position += taken

    def make_room(self, token: int) -> None:
        """Before a token: at the end of a full chunk, what follows its last comma moves on."""
        full = len(self.chunk.ids) == self.of.length
        if token == self.of.comma:
            self.comma = len(self.chunk.ids)
        elif full and self.comma is not None:
            behind = len(self.chunk.ids) - self.comma
            if behind <= self.of.backtrack:  # at least 1
                self.move_on(self.comma + 1)
        if len(self.chunk.ids) == self.of.length:
            self.end()

    def move_on(self, start: int) -> None:
        """Ids and weights go to the next chunk; vectors stay, as they do in the webui."""
        full = self.chunk
        moved = Chunk(full.ids[start:], full.weights[start:])
        del full.ids[start:], full.weights[start:]
        self.end()
        self.chunk = moved


def token_count(chunks: Sequence[Chunk], length: int = LENGTH) -> int:
    """What the webui shows under a prompt: every chunk that was ended counts as full."""
    return sum(length if chunk.ended else len(chunk.ids) for chunk in chunks)


def room_for(count: int, length: int = LENGTH) -> int:
    """75, 150, …: up to how many tokens the text could grow without another chunk."""
    return -(-max(count, 1) // length) * length
