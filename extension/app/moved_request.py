"""A request whose sliders were moved while it was drawn, as the request that draws the same."""

from __future__ import annotations

from dataclasses import replace

from ..prompt import parse
from ..records import Side
from ..session.sliders import Sliders
from .request import GenerationRequest


def as_moved(request: GenerationRequest, sliders: Sliders) -> GenerationRequest:
    """With every tag's weights as they were, step by step."""

    def text(written: str, side: Side) -> str:
        return sliders.recorded(parse(written, negative=side == "uncond"), side)

    hires = request.hires and replace(
        request.hires,
        prompt=text(request.hires.prompt, "cond"),
        negative=text(request.hires.negative, "uncond"),
    )
    return replace(
        request,
        prompts=tuple(text(one, "cond") for one in request.prompts),
        negative=text(request.negative, "uncond"),
        own_negatives=tuple(text(one, "uncond") for one in request.own_negatives),
        hires=hires,
    )
