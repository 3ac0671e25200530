"""Texts → conds: what the UNet reads of each, from all text encoders of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..prompt.words.chunks import Chunk, room_for, token_count
from ..prompt.words.emphasis import EmphasisRun, emphasis_of
from ..records import Progress, Row
from .emphasised import emphasised
from .inversions import Vocabulary
from .settings import WordSettings
from .text_model import TextModel

# Around a call of the text encoders: which LoRAs act on which line of it.
Announce = Callable[[Sequence[Row], Sequence[Progress]], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Cond:
    """What the UNet reads of one text: (77·chunks, width), and SDXL's pooled vector."""

    tokens: Tensor
    pooled: Tensor | None = None

    def lengthened(self, length: int) -> Cond:
        """At least `length` long: the last vector again and again, as the webui does it."""
        missing = length - len(self.tokens)
        if missing <= 0:
            return self
        return Cond(torch.cat([self.tokens, self.tokens[-1:].expand(missing, -1)]), self.pooled)


@dataclass(frozen=True, slots=True)
class WordLine:
    """One text to encode: `texts` has one for each encoder. `row` and `moment` decide on LoRAs.

    `times` is how often it stands in its text's schedule: the webui takes means over all entries.
    """

    texts: tuple[str, ...]
    row: Row
    moment: Progress
    times: int = 1


@dataclass(slots=True)
class _Reading:
    """A line in progress: its chunks for each encoder, and what they gave, chunk by chunk."""

    line: WordLine
    chunks: list[list[Chunk]]
    tokens: list[Tensor] = field(default_factory=list)
    pooled: Tensor | None = None


@dataclass(slots=True)
class WordEncoder:
    """The text encoders of a model, and how they are asked."""

    models: Sequence[TextModel]
    settings: WordSettings
    vocabulary: Vocabulary
    device: Any
    dtype: torch.dtype

    def chunks(self, text: str, model: TextModel | None = None) -> list[Chunk]:
        """The text as an encoder reads it."""
        model = model or self.models[0]
        whole = self.settings.emphasis == "None"
        runs = [EmphasisRun(text)] if whole else emphasis_of(text)
        chunking = model.chunking(self.settings.backtrack)
        return replace(chunking, find=self.vocabulary.find).chunks(runs)

    def count(self, text: str) -> tuple[int, int]:
        """Its tokens, and how many would be as cheap."""
        length = self.models[0].length
        count = token_count(self.chunks(text), length)
        return count, room_for(count, length)

    @torch.no_grad()
    def encode(self, groups: Sequence[Sequence[WordLine]], announce: Announce) -> list[list[Cond]]:
        """The conds of all lines; a group holds the entries of one text, which get equally long.

        All groups go through the encoders together, one chunk of each line at a time.
        """
        readings = [[self._begin(line) for line in group] for group in groups]
        longest = [max(len(c) for one in group for c in one.chunks) for group in readings]
        for index in range(max(longest, default=0)):
            reached = [g for g, length in zip(readings, longest, strict=True) if length > index]
            self._read(index, reached, announce)
        return [[self._cond(one) for one in group] for group in readings]

    def _begin(self, line: WordLine) -> _Reading:
        pairs = zip(self.models, line.texts, strict=True)
        return _Reading(line, [self.chunks(text, model) for model, text in pairs])

    def _read(self, index: int, groups: Sequence[Sequence[_Reading]], announce: Announce) -> None:
        """Chunk `index` of every line of these groups; an empty one where a line has no more."""
        flat = [one for group in groups for one in group]
        parts: list[Tensor] = []
        with announce([one.line.row for one in flat], [one.line.moment for one in flat]):
            for number, model in enumerate(self.models):
                chunks = [_chunk(one.chunks[number], index) for one in flat]
                z, pooled = model.read(chunks, self.device, self.settings.clip_skip)
                parts.append(self._weighted(z, chunks, model, groups))
                if pooled is not None and index == 0:
                    for one, vector in zip(flat, pooled, strict=True):
                        one.pooled = one.pooled if one.pooled is not None else vector
        for one, tokens in zip(flat, torch.cat(parts, dim=-1), strict=True):
            one.tokens.append(tokens)

    def _weighted(
        self,
        z: Tensor,
        chunks: Sequence[Chunk],
        model: TextModel,
        groups: Sequence[Sequence[_Reading]],
    ) -> Tensor:
        """Emphasis, group by group."""
        done, start = [], 0
        for group in groups:
            here = range(start, start + len(group))
            start += len(group)
            weights = [model.weights(chunks[i]) for i in here]
            done.append(self._emphasised(z[here.start : here.stop], weights, group))
        return done[0] if len(done) == 1 else torch.cat(done)

    def _emphasised(
        self, z: Tensor, weights: list[list[float]], group: Sequence[_Reading]
    ) -> Tensor:
        """One group's; lines that stand for several entries count as often in its means."""
        times = [one.line.times for one in group]
        if max(times) == 1:
            return emphasised(z, weights, self.settings.emphasis)
        every = [index for index, count in enumerate(times) for _ in range(count)]
        firsts = [every.index(index) for index in range(len(times))]
        whole = emphasised(z[every], [weights[i] for i in every], self.settings.emphasis)
        return whole[firsts]

    def _cond(self, one: _Reading) -> Cond:
        tokens = one.tokens[0] if len(one.tokens) == 1 else torch.cat(one.tokens)
        pooled = None if one.pooled is None else one.pooled.to(self.dtype)
        return Cond(tokens.to(self.dtype), pooled)


def _chunk(chunks: Sequence[Chunk], index: int) -> Chunk:
    return chunks[index] if index < len(chunks) else Chunk()
