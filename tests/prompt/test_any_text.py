"""What holds for every text."""

from __future__ import annotations

from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_lora import parse
from live_lora.prompt import Prompt, caret
from live_lora.prompt.render import tag_text
from live_lora.records import Progress, Row, Target

TEXT = Target("text_encoder", "encoder_layers_0_mlp_fc1", "", "linear", (1, 1))
UNET = Target("unet", "down_blocks_0_attentions_0_proj_in", "", "conv", (1, 1, 1, 1))

pieces = st.sampled_from(
    [
        *'<>[]():|\\"=;,@~s. \n0é',
        *("a", "AND", " AND ", "0.5", "1e999", "nan", "😀", "\ue000", "\x00", "__", "#"),
        *("<lora:", "<lyco:a", "<LORA:", "<hypernet:", ":te=", ":unet=", "lbw=", "OUTD", "IN01@1"),
        *('"a: b>c"', "<lora:a:1>", "<lora:b:0@0;1@1>", ":start=3", "sweep=0;1", "\\>", "0.5]"),
    ]
)
texts = st.one_of(st.text(max_size=60), st.lists(pieces, max_size=20).map("".join))


def meaning(prompt: Prompt) -> list[object]:
    """What a prompt says, without the places where it says it."""
    return [
        (
            tag.kind,
            tag.name,
            tag.part,
            [(one.name, one.value.strip(), one.means) for one in tag.arguments],
            [tag.weight(UNET, Row(), Progress(step, 5)) for step in range(5)],
        )
        for tag in prompt.tags
    ]


@settings(deadline=None)
@given(texts)
def test_any_text_is_read_and_written_again(text: str) -> None:
    prompt = parse(text)
    again = parse(prompt.render())
    assert meaning(again) == meaning(prompt)
    assert again.text == prompt.text
    assert parse(again.render()) == again


@settings(deadline=None)
@given(texts)
def test_spans_are_exact(text: str) -> None:
    prompt = parse(text)
    position = 0
    for tag in prompt.tags:
        assert position <= tag.span.start < tag.span.end
        position = tag.span.end
        assert text[tag.span.start : tag.span.end] == tag.source
        assert tag.source[0] + tag.source[-1] == "<>"
        for argument in tag.arguments:
            assert tag.span.start < argument.span.start <= argument.span.end < tag.span.end
            assert text[argument.span.start - 1] == ":"
            assert text[argument.span.end] in ":>"
    for problem in prompt.problems:
        assert problem.span is not None
        assert 0 <= problem.span.start < problem.span.end <= len(text)
        assert problem.message.startswith(f"column {problem.span.start + 1}: ")
        assert caret(text, problem).endswith(problem.message)


@settings(deadline=None)
@given(texts.filter(lambda text: "<" not in text))
def test_text_without_tags_is_untouched(text: str) -> None:
    assert parse(text) == Prompt(text, text)


@settings(deadline=None)
@given(texts)
def test_without_schedules_only_tags_are_taken_out(text: str) -> None:
    prompt = parse(text, schedules=False)
    left, position = "", 0
    for tag in prompt.tags:
        left += text[position : tag.span.start]
        position = tag.span.end
    left += text[position:]
    if not any("is ignored" in problem.message for problem in prompt.problems):
        assert prompt.text in {left, ""}
        assert prompt.text or not left.strip()


@settings(deadline=None)
@given(
    st.text(min_size=1).filter(lambda name: name.strip()),
    st.lists(st.sampled_from([("te", "0.5"), (None, "0.7"), ("lbw", "OUTD;q@1")]), unique=True),
)
def test_every_name_can_be_written(name: str, arguments: list[tuple[str | None, str]]) -> None:
    written = tag_text(name, arguments)
    prompt = parse(f"a {written} b", schedules=False)
    assert prompt.text == "a  b"
    assert [tag.name for tag in prompt.tags] == [name]


@pytest.mark.parametrize("count", [0, 1, 7, 50])
def test_many_tags(count: int) -> None:
    prompt = parse("<lora:a:0.1> x " * count)
    assert len(prompt.tags) == count
    assert prompt.text.split() == ["x"] * count


moments = st.builds(
    Progress,
    step=st.integers(0, 60),
    steps=st.integers(1, 50),
    sigma=st.one_of(st.none(), st.floats(0, 100)),
    hires=st.booleans(),
    call=st.one_of(st.none(), st.integers(0, 120)),
    calls=st.one_of(st.none(), st.integers(1, 100)),
    first_calls=st.one_of(st.none(), st.integers(0, 100)),
)
rows = st.builds(Row, st.integers(0, 9), st.sampled_from(["cond", "uncond"]), st.integers(0, 3))
ARGUMENTS = """
    1e100 -1e100 0@0;1@1 1@s3;-2@s1 te=3@5;0@7 hr=1e99 start=0.3 stop=s2 on=0 x=-1e9
    lbw=OUTD lbw=ALL;q@1e100 only=part only=uncond sweep=1e100;0
    mask=left mask=0,0,.5,1 mask=face soft=0.2 in=0@0;1@1 mid=-1e9 out=0
    cap=0.8 cap=1e-9 capped=1@0;0@1 hrcapped=0.5 without=OUT03 without=none;BASE
"""
values = st.sampled_from(ARGUMENTS.split())
tags = st.lists(values, max_size=5).map(lambda found: ":".join(["<lora:a", *found]) + ">")
brackets = st.sampled_from(
    ["{}", "[{}:b:1e999]", "[b|{}]", "[[{}::-3]|c:.5]", "(a {}:0.2)", "[:{}:1.5]"]
)


@settings(deadline=None)
@given(brackets, tags, moments, rows, st.booleans())
def test_every_weight_is_a_number(
    around: str, tag: str, moment: Progress, row: Row, old: bool
) -> None:
    for found in parse(around.format(tag), old_schedules=old).tags:
        for target in (UNET, TEXT):
            weight = found.weight(target, row, moment)
            assert isinstance(weight, float)
            assert isfinite(weight)
            if not found.varies:
                assert weight == found.weight(target, Row(), Progress())


def test_a_text_with_every_character_is_read_without_its_schedules() -> None:
    every = "".join(map(chr, range(0xE000, 0xF900)))
    prompt = parse(f"{every}[<lora:a>:b:3]")
    assert prompt.text == f"{every}[:b:3]"
    assert not prompt.tags[0].scheduled
