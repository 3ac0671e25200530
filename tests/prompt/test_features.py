"""A feature of the language is one file: proven with one that does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest
from live_lora import parse
from live_lora.prompt.arguments import Draft, Feature, WrittenArgument
from live_lora.prompt.factor import Factor
from live_lora.prompt.numbers import number
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
            return number(written.text)

        @classmethod
        def compose(cls, draft: Draft) -> None:
            draft.factors.append(ByPicture(draft.values["tilt"]))

    yield Tilt
    Feature.features.remove(Tilt)
    del Feature.by_name["tilt"]


def test_a_new_feature_needs_its_class_only(tilt: type[Feature]) -> None:
    (tag,) = parse("<lora:a:0.5:tilt=2>").tags
    assert [tag.weight(UNET, Row(picture), Progress()) for picture in range(3)] == [0.5, 1, 2]
    assert tag.varies == {"row"}
    assert parse("<lora:a:tilt=x>").problems[0].message.startswith("column 14: tilt: expected")


def test_two_claims_on_a_name_or_a_position_are_an_error() -> None:
    with pytest.raises(TypeError, match="claim 'te'"):
        type("Again", (Feature,), {"names": ("te",)})
    with pytest.raises(TypeError, match="claim 1"):
        type("First", (Feature,), {"positions": {1: "mine"}})
    assert "mine" not in Feature.by_position.values()


def test_every_claimed_name_belongs_to_one_file_of_the_folder() -> None:
    modules = {feature.__module__.rpartition(".")[2] for feature in Feature.features}
    assert modules == {
        *("weight", "hires", "rank", "hash", "window", "lbw", "only", "sweep", "switch"),
    }
    assert sorted(Feature.by_name) == sorted(
        name for feature in Feature.features for name in feature.names
    )
