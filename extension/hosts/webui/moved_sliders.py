"""Weights that the page moves while the webui draws: whose they are."""

from __future__ import annotations

from contextlib import AbstractContextManager

from modules import progress

from ...session.sliders import Sliders
from .state import LIVE


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
