"""Which requests can be drawn in one batch, and what a picture of them costs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from ..app.drawing_passes import enlarged_size
from ..app.request import GenerationRequest


def kind_of(request: GenerationRequest) -> Hashable:
    """What pictures of one batch have in common: all but words, seeds and what follows of them.

    Pictures to begin with have in common how much of them stays, and whether they have masks.
    """
    start = request.start and (request.start.strength, request.start.mask is not None)
    same = replace(
        request,
        prompts=(),
        negative="",
        seed=None,
        same_seed=False,
        differences=(),
        own_seeds=(),
        own_negatives=(),
        own_starts=(),
        start=None,
    )
    return (same, start)


def pixels_of(request: GenerationRequest) -> int:
    """Of one picture, in the largest pass."""
    width, height = enlarged_size(request)
    return max((request.width or 0) * (request.height or 0), width * height)


def work_of(request: GenerationRequest) -> float:
    """Pixels times steps of one picture, over all passes."""
    first = (request.width or 0) * (request.height or 0) * request.steps
    if request.hires is None:
        return float(first)
    width, height = enlarged_size(request)
    return float(first + width * height * (request.hires.steps or request.steps))


def together(requests: Sequence[GenerationRequest]) -> GenerationRequest:
    """One request for pictures of one kind."""
    return replace(
        requests[0],
        prompts=tuple(prompt for one in requests for prompt in one.prompts),
        own_seeds=tuple(seed for one in requests for seed in one.seeds),
        own_negatives=tuple(text for one in requests for text in one.negatives),
        own_starts=tuple(start for one in requests for start in one.starts),
        differences=(),
    )
