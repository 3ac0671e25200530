"""Encoding: every picture's text with its own LoRAs, every schedule entry with those on in it.

The webui encodes equal texts once, whatever tags they had, and asks its text encoder for all
entries of one text's schedule (`[a:b:0.5]`) in one call: line r of that call is entry r.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from modules import prompt_parser

from ...records import Progress, Row, Side
from .sampling_pass import Pass

# What the webui passes through its cond cache: (model, prompts, steps, hires steps, old rules);
# Forge Neo has no old rules.
Encode = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class CondSchedule:
    """The webui's arguments that decide on entries."""

    steps: int
    hires_steps: int | None
    rules: tuple[bool, ...] = ()

    @property
    def arguments(self) -> tuple[Any, ...]:
        """As the webui passes them on."""
        return (self.steps, self.hires_steps, *self.rules)

    def progress(self, end: int) -> Progress:
        """The moment that an entry stands for: what is on at its last call is on in all of it."""
        if self.hires_steps is None or any(self.rules):
            return Progress(call=end, calls=self.steps, hires=self.hires_steps is not None)
        return Progress(call=end, calls=self.hires_steps, hires=True, first_calls=self.steps)


class Encoder:
    """Stands in the place of the webui's function that makes conds, for one pass of a job."""

    def __init__(self, part: Pass, function: Encode) -> None:
        self.part = part
        self.function = function

    def __call__(
        self,
        model: Any,
        prompts: Any,
        steps: int,
        hires_steps: int | None = None,
        *rules: bool,
    ) -> Any:
        """The conds of all pictures, as the webui's own function returns them."""
        self.part.encoded = True
        schedule = CondSchedule(steps, hires_steps, rules)
        if getattr(prompts, "is_negative_prompt", False):
            return self._uncond(model, prompts, schedule)
        return self._cond(model, prompts, schedule)

    def _uncond(self, model: Any, prompts: Any, schedule: CondSchedule) -> list[Any]:
        made: dict[Any, Any] = {}
        for picture, text in enumerate(prompts):
            key = (text, self.part.written(picture))
            if key not in made:
                row = Row(picture, "uncond")
                made[key] = self._encode(model, prompts, text, row, schedule)[0]
        return [made[text, self.part.written(i)] for i, text in enumerate(prompts)]

    def _cond(self, model: Any, prompts: Any, schedule: CondSchedule) -> Any:
        made: dict[Any, Any] = {}
        batch: list[list[Any]] = []
        for picture, text in enumerate(prompts):
            batch.append([])
            for number, piece in enumerate(prompt_parser.re_AND.split(text)):
                key = (piece, number, self.part.written(picture)[0])
                if key not in made:
                    row = Row(picture, "cond", number)
                    made[key] = self._encode(model, prompts, piece, row, schedule).batch[0]
                batch[-1] += made[key]
        return prompt_parser.MulticondLearnedConditioning(shape=(len(prompts),), batch=batch)

    def _encode(self, model: Any, prompts: Any, text: str, row: Row, schedule: CondSchedule) -> Any:
        """The webui's own encoding of one text of one picture."""
        assert self.part.run is not None
        one = prompt_parser.SdConditioning([text], copy_from=prompts)
        moments = [schedule.progress(end) for end in _ends(one, row.side, schedule)]
        with self.part.run.encoding(row.side, [row] * len(moments), moments):
            return self.function(model, one, *schedule.arguments)


def _ends(one: Any, side: Side, schedule: CondSchedule) -> Iterator[int]:
    """The last call of every entry of a text, by the webui's own grammar."""
    texts: Sequence[str] = one
    if side == "cond":
        _, texts, _ = prompt_parser.get_multicond_prompt_list(one)
    entries = prompt_parser.get_learned_conditioning_prompt_schedules(texts, *schedule.arguments)[0]
    yield from (end for end, _ in entries)
