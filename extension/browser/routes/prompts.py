"""What prompts say: the real parser, for the rows and the editors of the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from ...library.catalog import Catalog
from ...prompt import Language, Prompt, Tag, parse
from ...prompt.description import describe, vocabulary
from .answers import BODY, SAFE, answer

MOST_PROMPTS = 16
LONGEST_PROMPTS = 100_000  # characters


def add_prompts(
    routes: APIRouter,
    language_of: Callable[[], Language],
    catalog_of: Callable[[], Catalog],
    prefetch: Callable[[Sequence[Tag]], None],
) -> None:
    """`explain` and `language`."""

    @routes.post("/explain")
    def explain(request: Request, asked: dict[str, Any] = BODY) -> Response:
        """What `{prompts: [{text, negative}]}` say: each as prompt/description.py describes it.

        The files of their tags are read ahead: by the time a picture is wanted they are here.
        """
        language = language_of()
        prompts = [
            parse(text, negative=negative, language=language) for text, negative in _prompts(asked)
        ]
        prefetch(_found(prompts, catalog_of()))
        return answer(request, {"prompts": list(map(describe, prompts))})

    @routes.get("/language")
    def language(request: Request) -> Response:
        """The words that editors offer: blocks, elements, presets, easings."""
        return answer(request, vocabulary(language_of()))


def _found(prompts: Sequence[Prompt], catalog: Catalog) -> list[Tag]:
    """The LoRAs that are on and known by name: none that is half written, which would be looked
    for in the folders at every key.
    """
    tags = [tag for prompt in prompts for tag in prompt.loras]
    return [tag for tag in tags if len(catalog.snapshot.names.find(tag.name)) == 1]


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
