"""From the page's form to a request."""

from __future__ import annotations

from typing import Any

from ..prompt import parse, sweeps
from .page_drawing import extended
from .request import GenerationRequest, RequestError

MOST_PICTURES = 32  # SD's 25 blocks one by one, and the whole


def request_of(
    prompt: str,
    negative: str,
    steps: float,
    guidance: float,
    width: float,
    height: float,
    seed: float | None,
    count: float,
    *drawing: Any,
) -> GenerationRequest:
    """The form as a request; a sweep says how many pictures there are, all with one seed."""
    swept = max(sweeps.picture_count(parse(text)) for text in (prompt, negative))
    if swept > MOST_PICTURES:
        raise RequestError(
            f"a sweep of {swept} values: the page draws at most {MOST_PICTURES} pictures at once"
        )
    request = GenerationRequest(
        prompts=(prompt,) * (swept if swept > 1 else int(count)),
        negative=negative,
        steps=int(steps),
        seed=None if seed is None or seed < 0 else int(seed),
        width=int(width),
        height=int(height),
        guidance=guidance,
        same_seed=swept > 1,
    )
    return extended(request, drawing) if drawing else request
