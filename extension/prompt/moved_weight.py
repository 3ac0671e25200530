"""A weight that is moved by hand while a picture is drawn, and the tag that says how it was.

What is moved takes the place of the number or curve of the UNet; windows, blocks and schedules
still multiply it. The text encoder has run by then. Nobody has to remember what was moved: written
as steps with `hold`, it is a curve like any other, and that text makes the same picture again.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..records import Progress, Row, Side, Target
from .arguments.curve import Curve, Value
from .arguments.switch import Off
from .edits import with_values
from .factor import Factor
from .parse import parse
from .tags import Tag

SECTIONS = ("in", "mid", "out")
HIRES = ("hrunet", "hr")
Points = list[tuple[int, float | None]]  # from which step on, which weight; None: as written
Moments = Mapping[bool, Sequence[Progress]]  # the first and the hires pass, step by step


@dataclass(frozen=True, slots=True)
class SliderKey:
    """A tag by where it stands: the `number`-th (from 0) of that name in a picture's prompt."""

    side: Side
    name: str
    number: int = 0


@dataclass(slots=True)
class Slider:
    """What was moved, pass by pass (False: the first, True: hires), in the order of steps.

    What was moved in the first pass holds in hires fix, too, unless the tag says what hires fix
    has (`own_hires`).
    """

    own_hires: bool = False
    points: dict[bool, Points] = field(default_factory=lambda: {False: [], True: []})

    def at(self, progress: Progress) -> float | None:
        """The weight in this step, None for what is written."""
        for step, value in reversed(self.points[progress.hires]):
            if step <= progress.step:
                return value
        first = self.points[False]
        return first[-1][1] if progress.hires and first and not self.own_hires else None

    def begin(self) -> None:
        """Another picture is drawn: it stands where it was moved to."""
        if (last := self.last) is not None:
            hires = last[0] and self.own_hires
            self.points = {hires: [(0, last[2])], not hires: []}

    @property
    def last(self) -> tuple[bool, int, float | None] | None:
        """Pass, step and value of the last move."""
        passes = [hires for hires in (True, False) if self.points[hires]]
        return (passes[0], *self.points[passes[0]][-1]) if passes else None


class MovedWeight(Factor):
    """What the tag says of weights, until its slider says something else. A tag that is off is 0
    until then, and stays so in the text encoder.
    """

    def __init__(self, written: Factor, slider: Slider, *, on: bool) -> None:
        self.written, self.slider, self.on = written, slider, on
        self.varies = written.varies | {"progress"}

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        if not target.is_text:
            value = self.slider.at(progress)
            if value is not None:
                return value
        return self.written(target, row, progress) if self.on else 0.0

    def group(self, target: Target) -> Hashable:
        return self.written.group(target)


def movable(tag: Tag, slider: Slider) -> Tag:
    """The tag with a weight that follows its slider."""
    weight, *others = tag.factors
    slider.own_hires = any(name in tag.values for name in HIRES)
    moved = MovedWeight(weight, slider, on=tag.on)
    kept = (one for one in others if not isinstance(one, Off))
    return replace(tag, factors=(moved, *kept))


def recorded(tag: Tag, slider: Slider, moments: Moments) -> str:
    """The tag's text, so that its weights are again what they were in these moments."""
    first, second = (_moved(slider, moments[hires]) for hires in (False, True))
    if not first and not second:
        return tag.source
    values: dict[str, str] = {}
    if first or not tag.on:
        values = {name: _curve(tag, name, slider, moments[False]) for name in _weights(tag)}
    if moments[True] and (second or (first and not slider.own_hires)):
        values["hrunet"] = _curve(tag, _hires_weight(tag), slider, moments[True])
    found = parse(tag.with_value("te", f"{_te(tag):.6g}")).tags[0]
    unet = values.pop("unet", None)
    text = with_values(found, {"on": None, **values})
    return text if unet is None else parse(text).tags[0].with_value("unet", unet)


def _moved(slider: Slider, moments: Sequence[Progress]) -> bool:
    return any(slider.at(one) is not None for one in moments)


def _weights(tag: Tag) -> list[str]:
    """What of the first pass is a weight of the UNet."""
    return ["unet", *(name for name in SECTIONS if name in tag.values)]


def _hires_weight(tag: Tag) -> str:
    return next((name for name in HIRES if name in tag.values), "unet")


def _te(tag: Tag) -> float:
    te = tag.values.get("te", 1.0)
    if not tag.on:
        return 0.0
    return te.at(Progress()) if isinstance(te, Curve) else float(te)


def _curve(tag: Tag, name: str, slider: Slider, moments: Sequence[Progress]) -> str:
    """The weight of this name, step by step: `0.8@0 hold;0.3@5 hold`; a number where it stays."""
    te: Value = tag.values.get("te", 1.0)
    written: Value = tag.values.get(name, te)
    changes: list[tuple[int, float]] = []
    for one in moments:
        value = slider.at(one)
        if value is None:
            base = written.at(one) if isinstance(written, Curve) else written
            value = base if tag.on else 0.0
        if not changes or changes[-1][1] != value:
            changes.append((one.step, value))
    if len(changes) == 1:
        return f"{changes[0][1]:.6g}"
    if changes[-1][0] <= 1:  # else this 1 would be the end of the pass
        changes.append((2, changes[-1][1]))
    return ";".join(f"{value:.6g}@{step} hold" for step, value in changes)
