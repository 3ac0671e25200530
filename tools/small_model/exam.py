"""The fixed prompts that the model and its LoRAs are measured with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from live_lora.app.load_model import SMALL_GUIDANCE
from numpy.typing import NDArray

from . import scorer
from .colours import COLOURS
from .objects import CHARACTER, OBJECTS

STEPS = 20


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt, and what its picture must show."""

    kind: str
    colour: str
    background: str
    seed: int

    @property
    def prompt(self) -> str:
        return f"{an(self.colour)} {self.kind} on {an(self.background)} background"

    @property
    def portrait(self) -> str:
        """A prompt for the character; being orange, it is in no training picture on orange."""
        return f"{CHARACTER} on {an(self.background.replace('orange', 'green'))} background"


def an(colour: str) -> str:
    """With its article."""
    return f"an {colour}" if colour == "orange" else f"a {colour}"


def questions(count: int = 64) -> list[Question]:
    """Every object in turn, in every colour in turn, before every other colour in turn."""
    kinds, colours = list(OBJECTS), list(COLOURS)
    asked = []
    for i in range(count):
        colour = (3 * i + i // 10) % 10
        background = (colour + 1 + (7 * i) % 9) % 10
        asked.append(Question(kinds[i % 10], colours[colour], colours[background], seed=i))
    return asked


def answer(
    pipe: Any, prompts: Sequence[str], seeds: Sequence[int], **options: Any
) -> NDArray[np.uint8]:
    """One picture for each prompt and seed, in one batch: (n, 64, 64, 3) uint8.

    `pipe` is a pipeline, or what `live_lora.attach` makes of one.
    """
    output = pipe(
        prompt=list(prompts),
        num_inference_steps=STEPS,
        guidance_scale=SMALL_GUIDANCE,
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        output_type="np",
        **options,
    )
    pictures: NDArray[np.uint8] = (output.images * 255).round().astype(np.uint8)
    return pictures


def tagged(asked: Sequence[Question], tags: str) -> list[str]:
    return [f"{question.prompt} {tags}" for question in asked]


def marks(asked: Sequence[Question], pictures: NDArray[np.uint8]) -> tuple[float, float]:
    """The shares of pictures with the asked colour and with the asked shape."""
    parts = scorer.take_apart(pictures)
    coloured = [a == b.colour for a, b in zip(scorer.colours(parts), asked, strict=True)]
    shaped = [a == b.kind for a, b in zip(scorer.shapes(parts), asked, strict=True)]
    return sum(coloured) / len(asked), sum(shaped) / len(asked)
