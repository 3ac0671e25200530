"""Numbers over the steps of a pass."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from live_lora.prompt.arguments.curve import EASINGS, Curve, read_weight
from live_lora.prompt.grammar import Unreadable
from live_lora.records import Progress


def along(text: str, steps: int = 5) -> list[float]:
    curve = read_weight(text)
    assert isinstance(curve, Curve)
    return [round(curve.at(Progress(step, steps)), 6) for step in range(steps)]


@pytest.mark.parametrize(
    "spelling",
    ["0@0,1@1", "0@0;1@1", " 0 @ 0 ; 1 @ 1.0 ", "0~0,1~1", "1@1,0@0", "0@0.0;1", "0@0;1@4"],
)
def test_groups_of_spellings_mean_the_same(spelling: str) -> None:
    assert along(spelling) == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1@1;0@2", [1, 1, 0, 0, 0]),  # steps, as 2 is one
        ("1@1;0@0.5", [0, 0, 0, 0.5, 1]),  # fractions, as loractl has it: sorted
        ("0@0.5;1@3.5", [0, 0, 0, 0.666667, 1]),  # 3.5 steps
        ("0@0;1@8", [0, 0.125, 0.25, 0.375, 0.5]),  # beyond the end of a short pass
        ("1@0;1@2;0@2", [1, 1, 0, 0, 0]),  # a jump
        ("-1@0;1@1", [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_positions(text: str, expected: list[float]) -> None:
    assert along(text) == expected


def test_a_pass_of_one_step_is_at_its_beginning() -> None:
    assert along("0.3@0;1@1", steps=1) == [0.3]
    assert along("0.3@0;1@3", steps=1) == [0.3]


def test_the_last_of_n_steps_is_at_the_end() -> None:
    for steps in (2, 3, 20, 49):
        assert along("0@0;1@1", steps)[-1] == 1


def test_sigma_falls_while_time_passes() -> None:
    curve = read_weight("1@s10;0@s2")
    assert isinstance(curve, Curve)
    weights = [curve.at(Progress(sigma=sigma)) for sigma in (14.6, 10.0, 6.0, 2.0, 0.1)]
    assert weights == [1, 1, 0.5, 0, 0]
    assert curve.at(Progress(3, 5)) == 1, "a host that does not know sigma is at the beginning"


@pytest.mark.parametrize("name", EASINGS)
def test_easings_lead_from_one_point_to_the_next(name: str) -> None:
    easing = EASINGS[name]
    assert easing(0.0) == 0
    assert easing(1.0) == pytest.approx(0 if name == "hold" else 1)
    shares = [easing(step / 50) for step in range(51)]
    assert shares == sorted(shares)
    assert along(f"0@0;1@1 {name}")[-1] == 1
    assert along(f"0@0;1@1 {name.upper()}") == along(f"0@0;1@1 {name}")


@pytest.mark.parametrize("text", ["0.5", "0.5@0", "0.5@0;0.5@1", " 5e-1 "])
def test_what_does_not_change_is_a_number(text: str) -> None:
    assert read_weight(text) == 0.5


@pytest.mark.parametrize(
    ("text", "at", "hint"),
    [
        ("", 0, "found nothing"),
        ("abc", 0, "'abc'"),
        ("0,5", 0, "did you mean '0.5'?"),
        ("nan", 0, "not finite"),
        ("1@0;nan@1", 4, "'nan@1'"),
        ("1@0;1e999@1", 4, "not finite"),
        ("1e101", 0, "too large"),
        ("1@x", 2, "'x'"),
        ("1@0;2@", 6, "the end"),
        ("1@-1", 2, "a step (8), a fraction (0.4) or a sigma (s7.5)"),
        ("1@s", 2, "'s'"),
        ("1@40%", 2, "0.5 for 50%"),
        ("1;0@1", 0, "the first point needs a position"),
        ("1@s3;0@1", 0, "sigma cannot be mixed"),
        ("1@0;0@1 wobble", 8, "linear, hold, smooth"),
    ],
)
def test_what_is_no_curve_says_where_and_what_was_expected(text: str, at: int, hint: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_weight(text)
    assert caught.value.start == at
    assert hint in caught.value.message


PLACE = "a step (8), a fraction (0.4) or a sigma (s7.5)"
MORE = '";" and another point, an easing such as smooth or nothing more'


@pytest.mark.parametrize(
    ("text", "at", "expected", "found"),
    [
        ("abc@1", 0, "a number", "'abc@1'"),
        ("@1", 0, "a number", "'@1'"),
        ("1 2@0.5", 2, f'"@" and a position, {MORE}', "'2@0.5'"),
        ("1?@0.5", 1, f'"@" and a position, {MORE}', "'?@0.5'"),
        ("1@", 2, PLACE, "the end"),
        ("1@@1", 2, PLACE, "'@1'"),
        ("1@0;2@x", 6, PLACE, "'x'"),
        ("1@0 ?", 4, MORE, "'?'"),
        ("1@0 0@1", 4, MORE, "'0@1'"),
        ("  1@0 ; 0@1  !", 13, MORE, "'!'"),
        ("1@0 smooth hold", 11, '";" and another point or nothing more', "'hold'"),
        ("1@0;", 4, "a number", "the end"),
        ("1@0 ,, 2", 5, "a number", "', 2'"),
        ("1@0\t;\n0@", 8, PLACE, "the end"),
    ],
)
def test_an_error_says_what_could_stand_in_its_place(
    text: str, at: int, expected: str, found: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        read_weight(text)
    assert caught.value.start == at
    assert caught.value.message == f"expected {expected}, found {found}"


def test_an_easing_is_suggested() -> None:
    with pytest.raises(Unreadable, match=r"found 'smoth'; did you mean smooth\?$") as caught:
        read_weight("1@0;0@1 smoth")
    assert (caught.value.start, caught.value.end) == (8, 13)


CASES = json.loads((Path(__file__).parents[1] / "cases" / "curves.json").read_text("utf-8"))


def values(text: str, steps: int) -> list[float]:
    """At each step of a pass in which the noise falls evenly from 15."""
    read = read_weight(text)
    passes = [Progress(i, steps, 15 * (1 - i / (steps - 1))) for i in range(steps)]
    return [read.at(one) if isinstance(read, Curve) else read for one in passes]


@pytest.mark.parametrize("case", CASES["read"], ids=[case["text"] for case in CASES["read"]])
def test_the_curves_that_the_page_draws(case: dict[str, Any]) -> None:
    """The page's numbers are held to the same table (browser/static/curve.mjs)."""
    assert values(case["text"], case["steps"]) == pytest.approx(case["at"], abs=1e-6)


@pytest.mark.parametrize("text", CASES["none"])
def test_what_the_page_takes_for_no_curve(text: str) -> None:
    with contextlib.suppress(Unreadable):
        assert not isinstance(read_weight(text), Curve)


@pytest.mark.parametrize("case", CASES["written"], ids=[one["text"] for one in CASES["written"]])
def test_what_the_curve_editor_writes(case: dict[str, Any]) -> None:
    assert values(case["text"], 20) == pytest.approx(values(case["gives"], 20), abs=1e-4)
