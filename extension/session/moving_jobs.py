"""Whose sliders can be moved just now: the drawing is named, so that no page moves another's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Any

from ..errors import StateError
from ..prompt.moved_weight import SliderKey
from .sliders import Sliders

ASKED_FOR = 10.0  # seconds: how long a page that has asked is believed to be there


class MovingJobs:
    """The drawing of now, by its id; `wanted` while the switch of any page is on.

    A live drawing folds nothing, which costs some time: it is live where somebody may move it.
    """

    def __init__(self) -> None:
        self._id: str | None = None
        self._sliders: Sliders | None = None
        self._asked = float("-inf")

    @property
    def wanted(self) -> bool:
        """Whether a page with its switch on has asked of late."""
        return monotonic() - self._asked < ASKED_FOR

    @contextmanager
    def drawing(self, id: str | None, sliders: Sliders | None) -> Iterator[None]:
        """Inside, this drawing's sliders can be moved; one may stand inside of another."""
        before = self._id, self._sliders
        self._id, self._sliders = id, sliders
        try:
            yield
        finally:
            self._id, self._sliders = before

    def state(self, id: str) -> dict[str, Any]:
        """How far this drawing is and what has acted, for a page that has its switch on."""
        self._asked = monotonic()
        sliders = self._sliders if id and id == self._id else None
        if sliders is None:
            return {"drawing": False}
        now = sliders.now
        at = {"step": now.step, "steps": now.steps, "hires": now.hires} if now else {}
        return {"drawing": True, **at, "moved": [*_described(sliders)]}

    def move(self, id: str, moves: Mapping[SliderKey, float | None]) -> None:
        """Raises StateError where another drawing is the one of now; ValueError."""
        if self._sliders is None or not id or id != self._id:
            raise StateError("this drawing is over, or another one is under way")
        self._sliders.move(moves)


def _described(sliders: Sliders) -> Iterator[dict[str, Any]]:
    for key, (hires, step, value) in sliders.acted.items():
        at = {"side": key.side, "name": key.name, "number": key.number}
        yield {**at, "value": value, "step": step, "hires": hires}
