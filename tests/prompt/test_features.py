"""A feature of the language is one file: proven with one that does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest
from live_lora import parse
from live_lora.prompt.arguments import (
    FEATURES,
    Draft,
    Feature,
    WrittenArgument,
    argument_names,
    in_order,
)
from live_lora.prompt.factor import Factor
from live_lora.prompt.numbers import read_number
from live_lora.records import Progress, Row, Target

UNET = Target("unet", "mid_block_resnets_0_conv1", "", "conv", (1, 1, 1, 1))


@pytest.fixture
def tilt() -> Iterator[type[Feature]]:
    """`tilt=n`: every picture gets n times the weight of the one before."""

    class ByPicture(Factor):
        varies = frozenset({"row"})

        def __init__(self, ratio: float) -> None:
            self.ratio = ratio

        def __call__(self, target: Target, row: Row, progress: Progress) -> float:
            return self.ratio**row.picture

    class Tilt(Feature):
        names: ClassVar[tuple[str, ...]] = ("tilt",)

        @classmethod
        def read(cls, written: WrittenArgument) -> float:
            return read_number(written.text)

        @classmethod
        def compose(cls, draft: Draft) -> None:
            draft.factors.append(ByPicture(draft.values["tilt"]))

    yield Tilt
    FEATURES.members.remove(Tilt)
    del FEATURES.owners["tilt"]


def test_a_new_feature_needs_its_class_only(tilt: type[Feature]) -> None:
    (tag,) = parse("<lora:a:0.5:tilt=2>").tags
    assert [tag.weight(UNET, Row(picture), Progress()) for picture in range(3)] == [0.5, 1, 2]
    assert tag.varies == {"row"}
    assert parse("<lora:a:tilt=x>").problems[0].message.startswith("column 14: tilt: expected")


def test_two_claims_on_a_name_or_a_position_are_an_error() -> None:
    with pytest.raises(TypeError, match="both claim the argument 'te'"):
        type("Again", (Feature,), {"names": ("te",)})
    with pytest.raises(TypeError, match="both claim the argument 1"):
        type("First", (Feature,), {"positions": {1: "mine"}})
    assert [feature.__name__ for feature in FEATURES if "mine" in feature.positions.values()] == []


def test_every_claimed_name_belongs_to_one_file_of_the_folder() -> None:
    modules = {feature.__module__.rpartition(".")[2] for feature in FEATURES}
    assert modules == {
        *("weight", "hires", "rank", "hash", "window", "lbw", "only", "sweep", "switch"),
        *("mask", "sections", "cap", "without"),
    }
    assert in_order()[0].__name__ == "Weights"  # the others work on its factor
    assert len(set(argument_names())) == len(argument_names()) == 26
    assert {claim for claim in FEATURES.owners if isinstance(claim, int)} == {1, 2, 3}
