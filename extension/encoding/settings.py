"""How words are encoded, as the webui's settings of the same names have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..prompt.words.chunks import BACKTRACK

EmphasisMode = Literal["Original", "No norm", "Ignore", "None"]
EMPHASIS_MODES: tuple[EmphasisMode, ...] = get_args(EmphasisMode)


@dataclass(frozen=True, slots=True)
class WordSettings:
    """`emphasis`: "Original" multiplies what the encoder says of a word and restores the mean of
    the text, "No norm" does not restore it, "Ignore" drops the weights, "None" takes brackets and
    BREAK for words. `backtrack`: tokens behind a comma that may move to the next chunk; 0: none.
    `clip_skip`: layers of the encoder that are left out, as diffusers counts them (the webui's
    "Clip skip: 2" is 1); None for the model's own.
    """

    emphasis: EmphasisMode = "Original"
    backtrack: int = BACKTRACK
    clip_skip: int | None = None

    def __post_init__(self) -> None:
        if self.emphasis not in EMPHASIS_MODES:
            listed = ", ".join(map(repr, EMPHASIS_MODES))
            raise ValueError(f"emphasis={self.emphasis!r}: choose one of {listed}")
