"""What prompts say: the real parser, for the rows and the editors of the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from ...prompt import Language, parse
from ...prompt.description import describe, vocabulary
from .answers import BODY, SAFE, answer

MOST_PROMPTS = 16
LONGEST_PROMPTS = 100_000  # characters


def add_prompts(routes: APIRouter, language_of: Callable[[], Language]) -> None:
    """`explain` and `language`."""

    @routes.post("/explain")
    def explain(request: Request, asked: dict[str, Any] = BODY) -> Response:
        """What `{prompts: [{text, negative}]}` say: each as prompt/description.py describes it."""
        language = language_of()
        described = [
            describe(parse(text, negative=negative, language=language))
            for text, negative in _prompts(asked)
        ]
        return answer(request, {"prompts": described})

    @routes.get("/language")
    def language(request: Request) -> Response:
        """The words that editors offer: blocks, elements, presets, easings."""
        return answer(request, vocabulary(language_of()))


def _prompts(asked: dict[str, Any]) -> list[tuple[str, bool]]:
    """(text, negative) of each prompt; 422 for anything else."""
    prompts = asked.get("prompts")
    sound = (
        isinstance(prompts, list)
        and len(prompts) <= MOST_PROMPTS
        and all(isinstance(one, dict) and isinstance(one.get("text"), str) for one in prompts)
    )
    if not isinstance(prompts, list) or not sound:
        raise HTTPException(422, f"send prompts: up to {MOST_PROMPTS} of {{text, negative}}", SAFE)
    if sum(len(one["text"]) for one in prompts) > LONGEST_PROMPTS:
        raise HTTPException(413, f"send at most {LONGEST_PROMPTS:,} characters", SAFE)
    return [(one["text"], one.get("negative") is True) for one in prompts]
