"""`hr=`, `hrte=`, `hrunet=`: the weights of the hires pass, where they differ from the first's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ...records import Progress, Row, Target
from ..factor import Factor
from .base import Draft, Feature, Remark
from .curve import Curve, Value, WeightArguments, value_words
from .weight import Weight, fixed_in_text_encoder


class Passes(Factor):
    """One weight in the first pass, another one in the hires pass."""

    def __init__(self, first: Factor, hires: Factor) -> None:
        self.first = first
        self.hires = hires
        self.varies = frozenset({"progress"}) | first.varies | hires.varies

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        return (self.hires if progress.hires else self.first)(target, row, progress)


class Hires(WeightArguments, Feature):
    """hrte and hrunet are what hr is; hr is what te and unet are. As in loractl."""

    names: ClassVar[tuple[str, ...]] = ("hr", "hrte", "hrunet")
    order: ClassVar[int] = 2  # around the first pass's weight, whatever that is made of

    @classmethod
    def words(cls, name: str, value: Value) -> str:
        where = {"hr": "", "hrte": "text encoder ", "hrunet": "UNet "}[name]
        return f"hires pass: {where}{value_words(value)}"

    @classmethod
    def compose(cls, draft: Draft) -> None:
        values = draft.values
        te = values.get("te", 1.0)
        unet = values.get("unet", te)
        te = values.get("hrte", values.get("hr", te))
        unet = values.get("hrunet", values.get("hr", unet))
        draft.factors[0] = Passes(draft.factors[0], Weight(te, unet))

    @classmethod
    def remarks(cls, draft: Draft) -> Iterable[Remark]:
        name = "hrte" if "hrte" in draft.values else "hr"
        te = draft.values.get(name)
        if isinstance(te, Curve) and (name == "hrte" or "hrunet" in draft.values):
            yield fixed_in_text_encoder(name, te)
