"""Weights that the page moves while the webui draws: whose they are, and what the infotext says."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from modules import progress

from ...records import Side
from ...session.sliders import Sliders
from .state import LIVE

# The prompts of a job, as infotexts have them.
TEXTS: tuple[tuple[str, Side], ...] = (
    ("all_prompts", "cond"),
    ("all_negative_prompts", "uncond"),
    ("all_hr_prompts", "cond"),
    ("all_hr_negative_prompts", "uncond"),
)


def of_batch(before: Sliders | None) -> Sliders | None:
    """The sliders of a batch: those of the one before, where they stand; None where nobody looks.

    A batch is live while the switch of some page is on.
    """
    if before is not None:
        before.begin()
    return before or (Sliders() if LIVE.moving.wanted else None)


def movable(sliders: Sliders | None) -> AbstractContextManager[None]:
    """Inside, the page that has begun the present task may move them."""
    return LIVE.moving.drawing(getattr(progress, "current_task", None), sliders)


def record(p: Any, sliders: Sliders) -> None:
    """The weights as they were go into the batch's own texts, which infotexts are made of."""
    start = getattr(p, "iteration", 0) * p.batch_size
    for name, side in TEXTS:
        every = getattr(p, name, None)
        if every:
            batch = every[start : start + p.batch_size]
            parsed = [LIVE.parse(one, negative=side == "uncond") for one in batch]
            texts = [sliders.recorded(one, side) for one in parsed]
            setattr(p, name, [*every[:start], *texts, *every[start + len(texts) :]])
