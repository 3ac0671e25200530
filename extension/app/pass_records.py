"""What the passes of a drawing have shown: how strongly LoRAs acted, and what caps have led to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..prompt import parse
from ..records import Side
from ..session.cap_record import with_caps
from ..session.measured import MeasuredFacts
from ..session.run import Run
from .request import GenerationRequest


class PassRecords:
    """Of each pass its run; `alone` is the number of a picture that was drawn by itself."""

    def __init__(self) -> None:
        self._runs: list[tuple[Run, int | None]] = []

    def keep(self, live: Any, alone: int | None) -> None:
        """The run that has just ended."""
        if live.last is not None:
            self._runs.append((live.last, alone))

    @property
    def measured(self) -> tuple[tuple[MeasuredFacts, ...], ...]:
        """Picture by picture, one pass after the other; empty where nothing was measured."""
        found: dict[int, list[MeasuredFacts]] = {}
        for run, alone in self._runs:
            if (sums := run.measured) is not None:
                for number in range(len(sums.base)):
                    picture = number if alone is None else alone
                    found.setdefault(picture, []).append(sums.as_dict(number))
        return tuple(tuple(passes) for _, passes in sorted(found.items()))

    def capped(self, request: GenerationRequest, first: int = 0) -> GenerationRequest:
        """The request with what caps have led to written into its prompts.

        Its pictures are those of the runs from number `first` on.
        """
        if not any(run.plan.caps for run, _ in self._runs):
            return request
        prompts = [self._text(one, first + i, "cond") for i, one in enumerate(request.prompts)]
        negatives = [
            self._text(one, first + i, "uncond") for i, one in enumerate(request.negatives)
        ]
        changed = negatives != list(request.negatives)
        hires = request.hires and replace(
            request.hires,
            prompt=self._text(request.hires.prompt, first, "cond"),
            negative=self._text(request.hires.negative, first, "uncond"),
        )
        return replace(
            request,
            prompts=tuple(prompts),
            own_negatives=tuple(negatives) if changed else request.own_negatives,
            hires=hires,
        )

    def _text(self, text: str, picture: int, side: Side) -> str:
        prompt = parse(text, negative=side == "uncond")
        return with_caps(prompt, side, list(self._of_picture(picture)))

    def _of_picture(self, picture: int) -> Iterator[tuple[Run, int]]:
        for run, alone in self._runs:
            if alone in (None, picture):
                yield run, picture if alone is None else 0
