"""`start=`, `stop=`, `step=a-b`: the steps in which a tag is on.

start ≤ position < stop. Whole numbers are steps (`start=5`: five steps are finished), `0.4` is a
fraction of the pass, `s7.5` is sigma. stop=1 is the end and includes the last step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from ...records import Progress, Row, Target
from ..factor import Factor
from ..grammar import Unreadable
from ..position import BEGINNING, Position, read_position, varies_by
from .base import Draft, Feature, Remark, WrittenArgument

Bounds = tuple[Position | None, Position | None]


class Window(Factor):
    """1 from `start` until before `stop`, else 0. The text encoder is at the beginning."""

    def __init__(self, bounds: Bounds) -> None:
        self.start, self.stop = bounds
        self.varies = varies_by(bounds)

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        if target.is_text:
            progress = BEGINNING
        if self.start is not None and not self.start.reached(progress):
            return 0.0
        return 0.0 if self.stop is not None and self.stop.reached(progress) else 1.0


class Windows(Feature):
    """start, stop and step; where several are given, all must hold."""

    names: ClassVar[tuple[str, ...]] = ("start", "stop", "step")

    @classmethod
    def read(cls, written: WrittenArgument) -> Bounds:
        if written.name == "start":
            return _start(written.text), None
        if written.name == "stop":
            return None, _stop(written.text)
        start, dash, stop = written.text.partition("-")
        if not dash or not (start.strip() or stop.strip()):
            raise Unreadable(f"expected a range such as 5-10, found {written.text.strip()!r}")
        return _side(_start, start, 0), _side(_stop, stop, len(start) + 1)

    @classmethod
    def words(cls, name: str, value: Bounds) -> str:  # noqa: ARG003
        start, stop = value
        parts = [start.words("from")] if start else []
        parts += [stop.words("until")] if stop else []
        return " ".join(parts) or "all steps"

    @classmethod
    def compose(cls, draft: Draft) -> None:
        for bounds in _given(draft):
            if bounds != (None, None):
                draft.factors.append(Window(bounds))

    @classmethod
    def remarks(cls, draft: Draft) -> Iterable[Remark]:
        for name in cls.names:
            start = draft.values.get(name, (None, None))[0]
            if start is not None and draft.values.get("te", 1.0):
                yield Remark(
                    name,
                    "constant-in-text-encoder",
                    "the text encoder runs once, before the first step: there this tag is off",
                )


def _given(draft: Draft) -> list[Bounds]:
    return [draft.values[name] for name in Windows.names if name in draft.values]


def _side(read: Callable[[str], Position | None], text: str, offset: int) -> Position | None:
    """One side of a range, or None where it is open."""
    if not text.strip():
        return None
    try:
        return read(text)
    except Unreadable as error:
        raise Unreadable(error.message, offset, offset + len(text), error.fix) from None


def _start(text: str) -> Position | None:
    """None for 0, which every step has reached."""
    start = read_position(text)
    return None if start.unit != "sigma" and start.amount == 0 else start


def _stop(text: str) -> Position | None:
    """None for 1: the end includes the last step."""
    stop = read_position(text, one="fraction")
    return None if stop.unit == "fraction" and stop.amount == 1 else stop
