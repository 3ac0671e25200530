"""The most that one request may ask for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..app.generator import LARGEST_SEED
from ..app.request import GenerationRequest, RequestError
from ..prompt import parse
from .mixing import pixels_of


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Numbers of one request; `prompt` counts letters, `loras` those in one prompt."""

    pictures: int = 16
    pixels: int = 2048 * 2048  # of one picture, hires fix included
    steps: int = 150
    loras: int = 16
    prompt: int = 20_000
    seconds: float = 600.0  # from the request to its pictures

    def demand_readable(self, request: GenerationRequest) -> None:
        """What is checked before anything is read: reading takes time, too. RequestError."""
        _demand("pictures", len(request.prompts), self.pictures)
        letters = max(map(len, texts_of(request)), default=0)
        _demand("letters in a prompt", letters, self.prompt)
        if not request.prompts or request.steps < 1:
            raise RequestError("at least one picture, and at least one step")
        if any(not 0 <= seed <= LARGEST_SEED for seed in request.own_seeds):
            raise RequestError(f"seeds are numbers from 0 to {LARGEST_SEED}")

    def demand(self, request: GenerationRequest) -> None:
        """Of a settled request. RequestError."""
        steps = max(request.steps, (request.hires.steps or 0) if request.hires else 0)
        _demand("pixels a picture", pixels_of(request), self.pixels)
        _demand("steps", steps, self.steps)
        _demand("LoRAs in a prompt", _most_loras(texts_of(request)), self.loras)


def texts_of(request: GenerationRequest) -> set[str]:
    """All that may hold tags."""
    hires = (request.hires.prompt, request.hires.negative) if request.hires else ()
    return {*request.prompts, *request.negatives, *hires}


def _demand(what: str, value: int, limit: int) -> None:
    if value > limit:
        raise RequestError(f"{value} {what}: this server allows {limit}")


def _most_loras(texts: Collection[str]) -> int:
    return max((len(parse(text).tags) for text in texts), default=0)
