"""Languages with other presets, side by side in one process."""

from __future__ import annotations

import pytest
from live_lora import parse
from live_lora.prompt import DEFAULT, Language
from live_lora.prompt.presets import KNOWN
from live_lora.records import Progress, Row, Target

OUT03 = Target("unet", "up_blocks_1_attentions_0_proj_in", "", "linear", (1, 1))


def flat(number: str) -> Language:
    """A language whose preset OUTD has one number in all blocks, and that knows FLAT as well."""
    line = ",".join([number] * 17)
    return Language.with_presets(f"OUTD:{line}\nFLAT:{line}")


def weight(language: Language, preset: str = "OUTD") -> float:
    (tag,) = parse(f"<lora:a:lbw={preset}>", language=language).tags
    return tag.weight(OUT03, Row(), Progress())


def test_one_reader_never_sees_the_presets_of_another() -> None:
    """The same text again and again: what is kept of one reading is not given to the other."""
    half, third = flat("0.5"), flat("0.3")
    for _ in range(3):
        assert [weight(one) for one in (half, third, DEFAULT)] == [0.5, 0.3, 1]
        assert weight(half, "FLAT") == 0.5
        assert parse("<lora:a:lbw=FLAT>").tags == ()
        assert parse("<lora:a:1:FLAT>").tags == ()
        assert parse("<lora:a:1:FLAT>", language=half).problems == ()


def test_languages_that_come_and_go_are_told_apart() -> None:
    """An id may be used again once its owner is gone."""
    numbers = [index / 512 for index in range(512)]
    assert [weight(flat(str(number))) for number in numbers] == numbers


def test_nobody_can_change_a_language() -> None:
    with pytest.raises(TypeError):
        KNOWN.blocks["MINE"] = ()  # type: ignore[index]
    with pytest.raises(AttributeError):
        DEFAULT.presets = KNOWN  # type: ignore[misc]
    assert "FLAT" in flat("1").presets.blocks
    assert "FLAT" not in DEFAULT.presets.blocks
