"""The words of a pipeline's call → conds, or the embeddings that its caller brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, cast

import torch
from torch import Tensor

from ..encoding.encode import Announce, Cond, WordEncoder
from ..encoding.part_conds import PartConds, PartWords, encode_parts, words_of
from ..prompt import Prompt, Tag
from ..prompt.words.parts import Part, parts_of
from ..records import Progress, Row, Side
from ..session.run import Run

EMBEDS = ("prompt_embeds", "pooled_prompt_embeds")  # the pipelines' names for encoded prompts


@dataclass(frozen=True, slots=True)
class PipelineTexts:
    """The prompts of a call, one per picture; those of SDXL's second encoder where they differ."""

    prompts: Sequence[Prompt]
    seconds: Sequence[Prompt] = ()
    negatives: Sequence[Prompt] = ()
    negatives_2: Sequence[Prompt] = ()

    def joined(self, side: Side) -> list[Prompt]:
        """Per picture the first prompt, with the tags and problems of the second added."""
        first, second = self.of(side)
        return [
            one
            if two is None
            else cast(
                Prompt,
                replace(one, tags=(*one.tags, *two.tags), problems=(*one.problems, *two.problems)),
            )
            for one, two in zip_longest(first, second[: len(first)])
        ]

    def of(self, side: Side) -> tuple[Sequence[Prompt], Sequence[Prompt]]:
        """The prompts of one side for the first encoder, and for the second."""
        if side == "cond":
            return self.prompts, self.seconds
        return self.negatives, self.negatives_2

    def written(self, picture: int) -> tuple[str, ...]:
        """All that decides on the LoRAs of a picture."""
        every = (self.prompts, self.seconds, self.negatives, self.negatives_2)
        return tuple(texts[picture].source for texts in every if len(texts) > picture)

    def parts(self, side: Side, picture: int, encoders: int) -> list[list[Part]]:
        """The parts of a picture's text for each encoder; a negative prompt has one part."""
        first, second = (
            texts[picture].text if len(texts) > picture else "" for texts in self.of(side)
        )
        texts = [first, second if self.of(side)[1] else first][:encoders]
        return [parts_of(text) if side == "cond" else [Part(text)] for text in texts]

    def tags(self, side: Side, picture: int) -> tuple[Tag, ...]:
        """Those that act on a side: the positive prompts' act on both."""
        texts = [self.prompts, self.seconds]
        texts += [self.negatives, self.negatives_2] if side == "uncond" else []
        return tuple(
            tag for one in texts for read in one[picture : picture + 1] for tag in read.tags
        )

    def every(self) -> list[str]:
        """All texts, without their tags."""
        texts = (self.prompts, self.seconds, self.negatives, self.negatives_2)
        return [read.text for one in texts for read in one]

    def is_empty(self, picture: int) -> bool:
        """Whether there is no word in the negative prompt."""
        return all(not part.text for parts in self.parts("uncond", picture, 2) for part in parts)


@dataclass(frozen=True, slots=True)
class PipelineWords:
    """Makes the conds of one call. `options` are the call's own, where embeddings may stand."""

    run: Run
    encoder: WordEncoder
    texts: PipelineTexts
    moment: Progress
    options: Mapping[str, Any]
    zeros: bool = False  # an empty negative prompt is no words at all to this model

    def positive(self) -> list[list[PartConds]]:
        """The parts of every picture's prompt."""
        if (given := self._given("")) is not None:
            return [[one] for one in given]
        words = [self._words("cond", picture) for picture in range(self.run.pictures)]
        conds = iter(self._encoded("cond", [one for parts in words for one in parts]))
        return [[next(conds) for _ in parts] for parts in words]

    def negative(self, like: Sequence[Sequence[PartConds]]) -> list[PartConds]:
        """Every picture's negative prompt; where that is empty, SDXL reads zeros, as in `like`."""
        if (given := self._given("negative_")) is not None:
            return given
        pictures = range(self.run.pictures)
        written = [one for one in pictures if not (self.zeros and self.texts.is_empty(one))]
        words = [self._words("uncond", picture)[0] for picture in written]
        encoded = dict(zip(written, self._encoded("uncond", words), strict=True))
        return [encoded.get(one) or _nothing(like[one][0].conds[0]) for one in pictures]

    def _words(self, side: Side, picture: int) -> list[PartWords]:
        parts = self.texts.parts(side, picture, len(self.encoder.models))
        tags = self.texts.tags(side, picture)
        return words_of(parts, Row(picture, side), tags, self.texts.written(picture))

    def _encoded(self, side: Side, words: Sequence[PartWords]) -> list[PartConds]:
        def announce(rows: Sequence[Row], moments: Sequence[Progress]) -> Any:
            return self.run.encoding(side, rows, moments)

        return encode_parts(self.encoder, words, self.moment, cast(Announce, announce))

    def _given(self, prefix: str) -> list[PartConds] | None:
        """The caller's embeddings as they are."""
        tokens, pooled = (self.options.get(prefix + name) for name in EMBEDS)
        if tokens is None:
            return None
        vectors: Sequence[Tensor | None] = [None] * len(tokens) if pooled is None else list(pooled)
        pairs = zip(tokens, vectors, strict=True)
        return [PartConds.constant(Cond(one, vector)) for one, vector in pairs]


def embeds_of(prefix: str, conds: Sequence[Cond], length: int) -> dict[str, Tensor]:
    """What a pipeline takes in the place of prompts: conds of one length, as its checks demand."""
    tokens = torch.stack([cond.lengthened(length).tokens for cond in conds])
    given = {prefix + EMBEDS[0]: tokens}
    pooled = [cond.pooled for cond in conds if cond.pooled is not None]
    return given | ({prefix + EMBEDS[1]: torch.stack(pooled)} if pooled else {})


def _nothing(like: Cond) -> PartConds:
    pooled = None if like.pooled is None else torch.zeros_like(like.pooled)
    return PartConds.constant(Cond(torch.zeros_like(like.tokens), pooled))
