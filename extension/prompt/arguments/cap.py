"""`cap=0.8`: a bound for how strongly a tag acts on the UNet, against what the layers answer.

    cap=0.8          one factor a step, so that ‖ΔWx‖/‖Wx‖ over all layers is at most 0.8
    cap=0.4 each     a factor for each layer

Before each step but the first, the weight is multiplied by what the step before has shown to be
needed (`session/caps.py`). The picture's text says what that was: `capped=` is a curve of factors
for the first pass, `hrcapped=` for hires fix, and where they stand nothing is measured for the cap.
"""

from __future__ import annotations

from typing import ClassVar

from ...records import Progress, Row, Target
from ..bound import Bound, read_bound
from ..factor import Factor
from .base import Draft, Feature, WrittenArgument
from .curve import Curve, Value, read_weight, value_words


class Cap(Feature):
    """cap."""

    names: ClassVar[tuple[str, ...]] = ("cap",)
    is_weight: ClassVar[bool] = True

    @classmethod
    def read(cls, written: WrittenArgument) -> Bound:
        return read_bound(written.text)

    @classmethod
    def words(cls, name: str, value: Bound) -> str:  # noqa: ARG003
        return value.words


class RecordedCap(Factor):
    """The factors that a cap has led to."""

    varies = frozenset({"progress"})

    def __init__(self, first: Value, hires: Value) -> None:
        self.first, self.hires = first, hires

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        if target.is_text:
            return 1.0
        factor = self.hires if progress.hires else self.first
        return factor.at(progress) if isinstance(factor, Curve) else factor


class Capped(Feature):
    """capped and hrcapped."""

    names: ClassVar[tuple[str, ...]] = ("capped", "hrcapped")
    is_weight: ClassVar[bool] = True

    @classmethod
    def read(cls, written: WrittenArgument) -> Value:
        return read_weight(written.text)

    @classmethod
    def words(cls, name: str, value: Value) -> str:
        lead = "hires pass: times" if name == "hrcapped" else "times"
        return f"{lead} {value_words(value)}, as a cap has led to"

    @classmethod
    def compose(cls, draft: Draft) -> None:
        values = draft.values
        draft.factors.append(RecordedCap(values.get("capped", 1.0), values.get("hrcapped", 1.0)))
