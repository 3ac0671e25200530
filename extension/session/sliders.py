"""Sliders that are moved while a picture is drawn: a page writes, the sampler reads at its steps.

Neither waits for the other: what is wanted is kept until a step begins, and only then acts, never
between the two halves of a second-order step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from threading import Lock

from ..prompt import Prompt, Tag
from ..prompt.moved_weight import Slider, SliderKey, movable, recorded
from ..records import Progress, Side
from .tag_use import TagUse

MOST = 100.0  # a weight beyond is none that anybody means
MOST_MOVES = 200  # in one request


class Sliders:
    """The sliders of one drawing, by the tags they stand for; give them to a run to make it live.

    `moments` are the steps that have begun, in the first pass (False) and in hires fix (True).
    """

    def __init__(self) -> None:
        self.moments: dict[bool, list[Progress]] = {False: [], True: []}
        self._sliders: dict[SliderKey, Slider] = {}
        self._wanted: dict[SliderKey, float | None] = {}
        self._lock = Lock()  # held for as long as a dictionary takes, by writer and reader

    def move(self, moves: Mapping[SliderKey, float | None]) -> None:
        """From the next step on these are the weights; None is what the tag says. Any thread.

        Raises ValueError for what is no weight.
        """
        for key, value in moves.items():
            if value is not None and not (math.isfinite(value) and abs(value) <= MOST):
                raise ValueError(f"{key.name}: {value} is no weight from -{MOST:g} to {MOST:g}")
        with self._lock:
            self._wanted.update(moves)

    def begin(self) -> None:
        """Another batch: what was moved stays as it is."""
        self.moments = {False: [], True: []}
        for slider in self._sliders.values():
            slider.begin()

    def reach(self, progress: Progress) -> None:
        """A call of the model begins; with the first of a step, what was moved acts."""
        seen = self.moments[progress.hires]
        if seen and progress.step <= seen[-1].step:
            return  # the second half of a step, or one that is made again
        with self._lock:
            wanted, self._wanted = self._wanted, {}
        for key, value in wanted.items():
            self.of(key).points[progress.hires].append((progress.step, value))
        seen.append(progress)

    def of(self, key: SliderKey) -> Slider:
        """The slider of a tag."""
        return self._sliders.setdefault(key, Slider())

    def made_live(self, uses: Iterable[TagUse]) -> Iterator[TagUse]:
        """The tags of a run, following their sliders."""
        counts: dict[tuple[int, Side, str], int] = {}
        for use in uses:
            place = use.picture, use.side, use.tag.name
            number = counts[place] = counts.get(place, -1) + 1
            key = SliderKey(use.side, use.tag.name, number)
            yield replace(use, tag=movable(use.tag, self.of(key)), slider=key)

    @property
    def now(self) -> Progress | None:
        """The last step that has begun."""
        seen = self.moments[True] or self.moments[False]
        return seen[-1] if seen else None

    @property
    def acted(self) -> dict[SliderKey, tuple[bool, int, float | None]]:
        """Of what was moved: in which pass, from which step on, to what."""
        found = {key: slider.last for key, slider in list(self._sliders.items())}
        return {key: last for key, last in found.items() if last is not None}

    def recorded(self, prompt: Prompt, side: Side = "cond") -> str:
        """The prompt's text, which makes the same picture again."""
        texts = {}
        for tag, key in keys_of(prompt, side):
            if (slider := self._sliders.get(key)) is not None:
                texts[tag] = recorded(tag, slider, self.moments)
        return prompt.replace({tag: text for tag, text in texts.items() if text != tag.source})


def keys_of(prompt: Prompt, side: Side = "cond") -> Iterator[tuple[Tag, SliderKey]]:
    """The prompt's LoRA tags, each with what its slider is called."""
    counts: dict[str, int] = {}
    for tag in prompt.tags:
        if tag.kind == "lora":
            number = counts[tag.name] = counts.get(tag.name, -1) + 1
            yield tag, SliderKey(side, tag.name, number)
