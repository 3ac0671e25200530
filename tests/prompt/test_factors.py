"""A tag's weight is the product of its factors; what varies is named."""

from __future__ import annotations

import itertools

import pytest
from live_lora import parse
from live_lora.records import Progress, Row, Target

UNET = Target("unet", "up_blocks_1_attentions_0_proj_in", "", "conv", (1, 1, 1, 1))
OTHER = Target("unet", "down_blocks_0_attentions_0_proj_in", "", "conv", (1, 1, 1, 1))
TEXT = Target("text_encoder", "encoder_layers_0_mlp_fc1", "", "linear", (1, 1))
ROWS = [Row(), Row(1), Row(0, "uncond"), Row(0, "cond", 1)]
MOMENTS = [
    Progress(step, 5, sigma, hires)
    for step, sigma in ((0, 14.0), (2, 3.0), (4, 0.1))
    for hires in (False, True)
]

FEATURES = {
    "0.8:0.5": set(),
    "1:0@0;1@1": {"progress"},
    "1:1@s14;0@s0": {"progress", "sigma"},
    "hr=0.25": {"progress"},
    "start=2": {"progress"},
    "stop=s1": {"progress", "sigma"},
    "lbw=OUTD": {"target"},
    "only=cond": {"row"},
    "only=part": {"row"},
    "sweep=0.5;2": {"row"},
    "on=0": set(),
}


NUMBERS = {"0.8:0.5", "1:0@0;1@1", "1:1@s14;0@s0", "hr=0.25"}  # several ways to say one factor
PAIRS = [pair for pair in itertools.combinations(FEATURES, 2) if not set(pair) <= NUMBERS]


@pytest.mark.parametrize("pair", PAIRS, ids=":".join)
def test_features_compose_by_multiplication(pair: tuple[str, str]) -> None:
    both, first, second = (parse(f"<lora:a:{text}>").tags[0] for text in (":".join(pair), *pair))
    assert both.varies == first.varies | second.varies
    for target, row, moment in itertools.product((UNET, OTHER, TEXT), ROWS, MOMENTS):
        product = first.weight(target, row, moment) * second.weight(target, row, moment)
        assert both.weight(target, row, moment) == pytest.approx(product)


@pytest.mark.parametrize(("text", "varies"), FEATURES.items())
def test_what_a_tag_says_to_vary_by_is_all_it_varies_by(text: str, varies: set[str]) -> None:
    (tag,) = parse(f"<lora:a:{text}>").tags
    assert tag.varies == varies
    by = {
        "target": [{tag.weight(target, Row(), Progress(2, 5, 3.0)) for target in (UNET, OTHER)}],
        "row": [{tag.weight(UNET, row, Progress(2, 5, 3.0)) for row in ROWS}],
        "sigma": [{tag.weight(UNET, Row(), Progress(2, 5, sigma)) for sigma in (14.0, 0.1)}],
        "progress": [{tag.weight(UNET, Row(), moment) for moment in MOMENTS}],
    }
    for name, sets in by.items():
        assert all((len(found) > 1) == (name in varies) for found in sets), name


def test_text_encoders_are_at_the_beginning_whatever_the_step() -> None:
    (tag,) = parse("<lora:a:0.3@0;1@1:stop=0.5>").tags
    assert {tag.weight(TEXT, Row(), moment) for moment in MOMENTS} == {0.3}
    (late,) = parse("<lora:a:start=0.5>").tags
    assert {late.weight(TEXT, Row(), moment) for moment in MOMENTS} == {0.0}


def test_both_calls_of_a_second_order_step_share_its_weight() -> None:
    (tag,) = parse("<lora:a:1:0@0;1@1>").tags
    calls = [Progress(call // 2, 10, call=call, calls=19) for call in range(19)]
    weights = [tag.weight(UNET, Row(), call) for call in calls]
    assert weights == [step / 9 for step in range(10) for _ in range(2)][:19]


def test_windows_include_their_start_and_exclude_their_stop() -> None:
    for text, on in {
        "start=2": "00111",
        "stop=2": "11000",
        "step=1-3": "01100",
        "start=0.5": "00111",
        "stop=0.5": "11000",
        "stop=1": "11111",
        "stop=1.0": "11111",
        "start=1": "01111",
        "start=1.0": "00001",
        "start=1:stop=3": "01100",
        "step=1-3:stop=2": "01000",
        "start=9": "00000",
    }.items():
        (tag,) = parse(f"<lora:a:{text}>").tags
        found = [tag.weight(UNET, Row(), Progress(step, 5)) for step in range(5)]
        assert "".join(str(int(weight)) for weight in found) == on, text


def test_windows_by_sigma() -> None:
    (tag,) = parse("<lora:a:step=s10-s2>").tags
    found = [
        tag.weight(UNET, Row(), Progress(sigma=sigma)) for sigma in (14.0, 10.0, 5.0, 2.0, 1.0)
    ]
    assert found == [0, 1, 1, 0, 0]


def test_rows() -> None:
    prompt = parse("<lora:a:only=part> AND <lora:b:only=part> <lora:c:only=uncond> <lora:d>")
    found = [[tag.weight(UNET, row, Progress()) for row in ROWS] for tag in prompt.tags]
    assert found == [[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0], [1, 1, 1, 1]]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("only=cond", "this one never acts"),
        ("only=part", "no AND parts"),
    ],
)
def test_a_negative_prompt_is_told_what_makes_no_sense_there(text: str, hint: str) -> None:
    assert parse(f"<lora:a:{text}>").problems == ()
    (problem,) = parse(f"<lora:a:{text}>", negative=True).problems
    assert hint in problem.message
    assert problem.severity == "warning"
