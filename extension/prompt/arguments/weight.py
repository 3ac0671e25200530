"""The weight: `<lora:a:0.8>`, `<lora:a:te:unet>`, `te=`, `unet=`, each a number or a curve.

As in A1111: te is 1 where nothing is said, unet is what te is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from ...records import Progress, Row, Target
from ..factor import Factor
from ..position import BEGINNING
from .base import Draft, Feature, Remark
from .curve import Curve, Value, WeightArguments, value_words


class Weight(Factor):
    """te for the text encoders, unet for the UNet."""

    def __init__(self, te: Value, unet: Value) -> None:
        # Text is encoded once, before the first step: there a curve has one value.
        self.te = te.at(BEGINNING) if isinstance(te, Curve) else te
        self.unet = unet
        self.varies = unet.varies if isinstance(unet, Curve) else frozenset()

    def __call__(self, target: Target, row: Row, progress: Progress) -> float:
        if target.is_text:
            return self.te
        return self.unet.at(progress) if isinstance(self.unet, Curve) else self.unet


class Weights(WeightArguments, Feature):
    """te and unet."""

    names: ClassVar[tuple[str, ...]] = ("te", "unet")
    positions: ClassVar[Mapping[int, str]] = {1: "te", 2: "unet"}
    order: ClassVar[int] = 0
    always: ClassVar[bool] = True

    @classmethod
    def words(cls, name: str, value: Value) -> str:  # noqa: ARG003
        return value_words(value)

    @classmethod
    def compose(cls, draft: Draft) -> None:
        te = draft.values.get("te", 1.0)
        draft.factors.append(Weight(te, draft.values.get("unet", te)))

    @classmethod
    def remarks(cls, draft: Draft) -> Iterable[Remark]:
        te = draft.values.get("te")
        if isinstance(te, Curve) and "unet" in draft.values:
            yield fixed_in_text_encoder("te", te)


def fixed_in_text_encoder(argument: str, te: Curve) -> Remark:
    """That a curve for the text encoder alone is one number.

    Of one for both parts it goes without saying: it is how a curve is written.
    """
    return Remark(
        argument,
        "constant-in-text-encoder",
        "the text encoder runs once, before the first step: there this curve is "
        f"{te.at(BEGINNING):g} throughout",
    )
