"""Sweeps on a pipeline: a prompt of its own for every picture of a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .. import prompt as language
from ..prompt import sweeps
from .modules import listed


def spread_over_pictures(
    prompt: Sequence[str], options: dict[str, Any]
) -> tuple[Sequence[str], dict[str, Any]]:
    """Where a sweep makes the pictures of one prompt differ: a prompt for every picture."""
    parsed = [language.parse(one) for one in listed(prompt)]
    if all(sweeps.picture_count(one) == 1 for one in parsed):
        return prompt, options
    copies = int(options.get("num_images_per_prompt") or 1)
    every = [one for one in parsed for _ in range(copies)]
    spread = {
        name: [one for one in options[name] for _ in range(copies)]
        for name in ("negative_prompt", "prompt_2", "negative_prompt_2")
        if isinstance(options.get(name), (list, tuple))
    }
    if any(map(sweeps.same_seed, parsed)):
        spread["generator"] = _same_noise(options.get("generator"), len(every))
    texts = [sweeps.prompt_of_picture(one, picture) for picture, one in enumerate(every)]
    return texts, options | spread | {"num_images_per_prompt": 1}


def _same_noise(generator: Any, pictures: int) -> list[torch.Generator]:
    """The same generator (the first of those given, or a fresh one) once for every picture."""
    first = generator[0] if isinstance(generator, (list, tuple)) else generator
    if first is None:
        first = torch.Generator()
        first.seed()
    copies = [torch.Generator(first.device) for _ in range(pictures)]
    for copy in copies:
        copy.set_state(first.get_state())
    return copies
