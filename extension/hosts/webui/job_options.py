"""What a job asks for besides its prompt: the API's list of prompts, `sd_lora`, sweeps, seeds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from modules import shared

from ...errors import LiveLoraError
from ...prompt import Tag, sweeps
from . import options
from .state import LIVE

ALL_PROMPTS = ("all_prompts", "all_negative_prompts", "all_hr_prompts", "all_hr_negative_prompts")
NO_LORA = "None"  # what the builtin's option `sd_lora` says for nothing


class BadRequest(LiveLoraError):
    """The argument `prompts` of our script is not a list of prompts."""


def prompts_of(given: Any) -> list[str]:
    """The argument `prompts`: a list of strings, or that as JSON text; empty for none.

    Raises BadRequest.
    """
    if isinstance(given, str):
        if not given.strip():
            return []
        try:
            given = json.loads(given)
        except ValueError as error:
            raise BadRequest(f"prompts: expected a JSON list of strings: {error}") from error
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise BadRequest(f"prompts: expected a list of strings, found {type(given).__name__}")
    return given


@dataclass(frozen=True, slots=True)
class PromptList:
    """The prompts of all pictures, where the API gave some; and whether hires prompts follow."""

    prompts: tuple[str, ...] = ()
    hires_follow: bool = False


def ask(p: Any, prompts: Sequence[str]) -> PromptList:
    """Makes the job one picture for every prompt, or as many as were asked for, repeating.

    Batches are filled up: the webui makes noise for whole batches. Hires prompts follow where they
    are left empty: the webui would make the list one prompt for hires fix, which its own scripts
    take for a text.
    """
    if not prompts:
        return PromptList()
    pictures = max(len(prompts), p.batch_size * p.n_iter)
    p.n_iter = math.ceil(pictures / p.batch_size)
    p.prompt = [prompts[i % len(prompts)] for i in range(p.n_iter * p.batch_size)]
    follow = bool(getattr(p, "enable_hr", False)) and not p.hr_prompt
    if follow:
        p.hr_prompt = " "
    return PromptList(tuple(p.prompt), follow)


def prepare(p: Any, asked: PromptList) -> None:
    """The last word on all prompts and seeds of the job, after every script's `process`.

    Dynamic prompts makes all of them out of the first.
    """
    if len(set(p.all_prompts)) == 1 < len(set(asked.prompts)):
        p.all_prompts = list(asked.prompts)
    for name in ("all_prompts", "all_hr_prompts"):
        if getattr(p, name, None):
            setattr(p, name, [with_default(one) for one in getattr(p, name)])
    if asked.hires_follow:
        p.all_hr_prompts = list(p.all_prompts)
    every = (*p.all_prompts, *p.all_negative_prompts)
    if any(sweeps.same_seed(LIVE.parse(one)) for one in dict.fromkeys(every)):
        p.all_seeds = [p.all_seeds[0]] * len(p.all_seeds)
        p.all_subseeds = [p.all_subseeds[0]] * len(p.all_subseeds)
    for name in ALL_PROMPTS:
        if found := getattr(p, name, None):
            setattr(
                p, name, [sweeps.prompt_of_picture(LIVE.parse(t), i) for i, t in enumerate(found)]
            )


def with_default(prompt: str) -> str:
    """The prompt with the tag of the builtin's option "Add network to prompt"."""
    name = options.get("sd_lora")
    if not name or name == NO_LORA or "<" in name or ">" in name:
        return prompt
    if any(tag.name == name for tag in LIVE.parse(prompt).tags):
        return prompt
    return f"{prompt}<lora:{name}:{shared.opts.extra_networks_default_multiplier}>"


def loras_in(texts: Sequence[str]) -> Iterator[Tag]:
    """Of prompts, with the tags that are on."""
    for text in dict.fromkeys(texts):
        yield from LIVE.parse(text).loras
