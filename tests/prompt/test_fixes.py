"""What to write instead: a fix mends the problem it stands at, and changes nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live_lora import parse
from live_lora.records import Diagnostic

TABLE = Path(__file__).parents[1] / "cases" / "tags.json"
PROMPTS = [
    case["prompt"] for group in json.loads(TABLE.read_text("utf-8")) for case in group["cases"]
]


def mended(prompt: str, problem: Diagnostic) -> str:
    assert problem.fix is not None
    (start, end), text = problem.fix
    return prompt[:start] + text + prompt[end:]


@pytest.mark.parametrize(
    ("prompt", "after"),
    [
        ("<lora:x:0.8:stop=40%> é", "<lora:x:0.8:stop=0.4> é"),
        ("🦊 <lora:x:0.8:stop= 40% >", "🦊 <lora:x:0.8:stop=0.4>"),
        ("<lora:x:stop=0,4>", "<lora:x:stop=0.4>"),
        ("<lora:x:step=5-40%>", "<lora:x:step=5-0.4>"),
        ("<lora:x:step=40%->", "<lora:x:step=0.4->"),
        ("<lora:x:0@0,1@50%>", "<lora:x:0@0,1@0.5>"),
        ("<lora:x:0@0;1@0.5 smoth;0@1>", "<lora:x:0@0;1@0.5 smooth;0@1>"),
        ("<lora:x:0,5>", "<lora:x:0.5>"),
        ('<lora:x:te="0,5">', "<lora:x:te=0.5>"),
        ("<lora:x:1:lbw=OUTDD>", "<lora:x:1:lbw=OUTD>"),
        ("<lora:x:1:only=con>", "<lora:x:1:only=cond>"),
        ("<lora:x:1:strat=3>", "<lora:x:1:start=3>"),
        ("<lora:x:1:qqqqqq=3:on=1>", "<lora:x:1:on=1>"),
        ("<lora:x:1:1:8:9>", "<lora:x:1:1:8>"),
        ("<lora:x:te=1:te=2>", "<lora:x:te=2>"),
        ("<lora:x:te=>", "<lora:x>"),
        ("<lora:x:seed=same>", "<lora:x>"),
        ("<lora:x:x=2>", "<lora:x>"),
        ("<lora:a< b:1>", "<lora:a\\< b:1>"),
        ("<lora:x:0.5", "<lora:x:0.5>"),
        ("a <lora:x:0.5 b, (red:1.2)", "a <lora:x:0.5> b, (red:1.2)"),
        ("a <lora:my file:0.5, b", "a <lora:my file:0.5>, b"),
        ("a <lora:x b", "a <lora:x> b"),
        ("<lora:x:0.5\n<lora:y>", "<lora:x:0.5>\n<lora:y>"),
    ],
)
def test_what_was_meant(prompt: str, after: str) -> None:
    (problem,) = [one for one in parse(prompt).problems if one.fix]
    assert mended(prompt, problem) == after


@pytest.mark.parametrize(
    "prompt", ["<lora::1>", "<lora:x:dyn=4.5>", "<lora:x:lbw=OUTDD;ff@0>", "<lora:x:only=con;prt>"]
)
def test_where_nobody_knows_what_was_meant_there_is_none(prompt: str) -> None:
    problems = parse(prompt).problems
    assert problems
    assert [one.fix for one in problems] == [None] * len(problems)


def test_a_fix_mends_its_problem_and_makes_no_other() -> None:
    tried = 0
    for prompt in PROMPTS:
        before = parse(prompt)
        for problem in before.problems:
            if problem.fix is None:
                continue
            tried += 1
            after = parse(mended(prompt, problem))
            left = [one.reason for one in after.problems if one.severity == "error"]
            # What could not be read before may have more to say now, but never the same again.
            assert problem.reason not in left, (prompt, problem)
            assert len(after.tags) >= len(before.tags), prompt
            if problem.severity == "warning":
                assert len(after.problems) < len(before.problems), (prompt, problem)
    assert tried > 10


def test_a_problem_knows_its_tag() -> None:
    prompt = "a <lora:ok:1> <lora:x:stop=40%> <lora::1> <lora:y:0.5 b"
    found = [prompt[slice(*one.tag)] for one in parse(prompt).problems if one.tag]
    assert found == ["<lora:x:stop=40%>", "<lora::1>", "<lora:y:0.5"]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("stop=40%", "stop=0.4"), ("step=5-40%", "step=5-0.4"), ("only=con", "only=cond")],
)
def test_what_was_plainly_meant_is_done_unless_it_is_a_weight(wrong: str, right: str) -> None:
    """With a warning that says so, and the fix."""
    found, meant = parse(f"<lora:x:0.8:{wrong}>"), parse(f"<lora:x:0.8:{right}>")
    warning = next(one for one in found.problems if one.code == "unreadable-value")
    assert warning.severity == "warning"
    assert "; read as" in warning.message
    assert warning.fix is not None
    assert found.tags[0].values == meant.tags[0].values


@pytest.mark.parametrize(
    "weight", ["0,5", "1:hr=0,5", "1:lbw=OUTDD", "1:sweep=0;0,5x", "0@0;1@50%"]
)
def test_a_weight_is_never_guessed(weight: str) -> None:
    found = parse(f"<lora:x:{weight}>")
    assert not found.tags
    assert found.problems[0].severity == "error"
