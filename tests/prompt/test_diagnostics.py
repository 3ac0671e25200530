"""What users read about problems."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from live_lora import parse
from live_lora.prompt import caret, explain
from live_lora.prompt.diagnostics import Code
from live_lora.prompt.interpret import interpret
from live_lora.records import Diagnostic, Span


def report(prompt: str, steps: int, *, as_json: bool = False) -> str:
    found = explain(prompt, steps)
    return json.dumps(found.as_dict()) if as_json else "\n".join(found.lines())


PROBLEMS: list[tuple[str, Code, str]] = [
    (
        "a <lora:a:abc>",
        "unreadable-value",
        "column 11: te: expected a number (0.8) or a curve (0@0;1@0.5), found 'abc'; "
        "<lora:a:abc> is ignored",
    ),
    (
        "<lora:a:1:0.5:dyn=4.5>",
        "unreadable-value",
        "column 19: dyn: expected a whole number of ranks, found '4.5'; "
        "<lora:a:1:0.5:dyn=4.5> is ignored",
    ),
    (
        "<lora:a:dyn=0>",
        "unreadable-value",
        "column 13: dyn: expected a whole number of ranks, at least 1, found '0'; "
        "<lora:a:dyn=0> is ignored",
    ),
    (
        "<lora:a:only=left>",
        "unreadable-value",
        "column 14: only: expected cond, uncond or part, found 'left'; <lora:a:only=left> "
        "is ignored",
    ),
    (
        "<lora:a:seed=>",
        "unreadable-value",
        "column 14: seed: expected same, found nothing; <lora:a:seed=> is ignored",
    ),
    (
        "<lora:a:sweep=0;x>",
        "unreadable-value",
        "column 15: sweep: expected numbers separated by semicolons (0;0.5;1), found 'x'; "
        "<lora:a:sweep=0;x> is ignored",
    ),
    (
        "<lora:a:1",
        "unclosed-tag",
        'column 1: this tag is not closed: expected ">"; it stays in the text',
    ),
    ("<lora::1>", "no-name", "column 7: expected the name of a LoRA; <lora::1> is ignored"),
    ("<lora:>", "no-name", "column 1: expected the name of a LoRA; it stays in the text"),
    (
        "<lora:a<:1>",
        "unquoted-bracket",
        'column 8: a name that contains "<" must be in quotation marks; <lora:a<:1> is ignored',
    ),
    (
        "<lora:a:strat=3>",
        "unknown-argument",
        "column 9: 'strat' is not an argument and is ignored; did you mean start=?",
    ),
    (
        "<lora:a:qqqqqqq=3>",
        "unknown-argument",
        "column 9: 'qqqqqqq' is not an argument and is ignored",
    ),
    (
        "<lora:a:1:1:4:5>",
        "surplus-value",
        "column 15: a tag takes at most three values without a name (te, unet, dyn); "
        "this one is ignored",
    ),
    (
        "<lora:a:te=1:te=2>",
        "repeated-argument",
        "column 14: te= is given more than once: the last value is used",
    ),
    (
        '<lora:"a:1>',
        "unclosed-quote",
        "column 7: this quotation mark is never closed, so it is read as part of the name",
    ),
    (
        "<lora:a#:1>",
        "reserved-characters",
        "column 8: '#' in a name: the webui's comment option removes everything from # to the end "
        "of the line; rename the file or use hash= instead",
    ),
    ("<lora:a:seed=same>", "no-effect", "column 9: seed= has no effect without sweep="),
    (
        "<lora:a:lbw=OUTD:x=1>",
        "no-effect",
        "column 18: x= has no effect without a preset that contains X",
    ),
    (
        "<lora:a:only=cond,uncond,part>",
        "never-on",
        "column 9: uncond excludes cond and part, so this tag never acts",
    ),
    (
        "<lora:a:te=1@0;0@1:unet=1>",
        "constant-in-text-encoder",
        "column 9: the text encoder runs once, before the first step: there this curve is 1 "
        "throughout",
    ),
    (
        "<lora:a:start=3>",
        "constant-in-text-encoder",
        "column 9: the text encoder runs once, before the first step: there this tag is off",
    ),
    (
        "[<lora:a>:b:3] a | b",
        "brackets-ignored",
        'column 2: this tag is on throughout: a "|" outside [a|b], or a backslash with nothing '
        'after it, turns off all prompt editing in this prompt; remove it, or write "\\|"',
    ),
]


@pytest.mark.parametrize(("prompt", "code", "message"), PROBLEMS)
def test_a_problem_says_where_what_and_what_next(prompt: str, code: Code, message: str) -> None:
    (problem,) = parse(prompt).problems
    assert (problem.code, problem.message) == (code, message)
    assert problem.span is not None
    assert message.startswith(f"column {problem.span.start + 1}: ")


def test_every_code_is_one_of_the_table() -> None:
    (unreadable,) = interpret("<lora:a:1", part=0).notes
    assert unreadable.code == "unreadable-tag"
    assert parse("<lora:a:x>" * 1500).problems[-1].code == "unlisted"
    assert {code for _, code, _ in PROBLEMS} | {"unreadable-tag", "unlisted"} == {*get_args(Code)}


def test_all_that_is_wrong_with_a_tag_is_told_at_once() -> None:
    assert len(parse("<lora:a:x:y:start=q>").problems) == 3


def test_the_caret_stands_under_the_place() -> None:
    prompt = "first line\na <lora:b:x> c\nlast"
    (problem,) = parse(prompt).problems
    line, marks = caret(prompt, problem).split("\n")
    assert line == "a <lora:b:x> c"
    assert marks.startswith(" " * 10 + "^ column 22")


def test_wide_characters_take_two_columns() -> None:
    prompt = "狐 <lora:日本:x>"
    _, marks = caret(prompt, parse(prompt).problems[0]).split("\n")
    assert marks.index("^") == 2 + 1 + 6 + 4 + 1


def test_long_lines_are_cut_around_the_place() -> None:
    prompt = "x" * 200 + "<lora:a:q>" + "y" * 200
    line, marks = caret(prompt, parse(prompt).problems[0]).split("\n")
    assert len(line) < 80
    assert line[0] + line[-1] == "……"
    assert line[marks.index("^")] == "q"


def test_a_problem_without_a_place_is_its_message() -> None:
    assert caret("a", Diagnostic("nothing fits")) == "nothing fits"
    assert caret("", Diagnostic("m", Span(0, 1))) == "\n^ m"


def test_explain_draws_each_tag() -> None:
    lines = report("a [<lora:x:0.5>:b:0.5] <lora:y:te=0:unet=0@0;1@1> <lora:z:x>", steps=10).split(
        "\n"
    )
    assert lines[0] == "text  'a [:b:0.5]  '"
    assert lines[2:4] == ["  steps 1–6  'a '", "  steps 7–10  'a b'"]
    first = lines.index("<lora:x:0.5>")
    assert lines[first + 1].split() == ["unet", "0.5", "→", "0", "██████"]
    text = "\n".join(lines)
    assert "te    0\n" in text
    assert " ▁▂▃▄▄▅▆▇█" in text
    assert lines[-1].endswith("found 'x'; <lora:z:x> is ignored")
    assert "  unet  1           ██████████" in report("<lora:a>", steps=10)
    assert report("<lora:a>", steps=500).count("█") == 50


def test_explain_for_programs() -> None:
    seen = json.loads(report("<lora:x:1:lbw=OUTD:hr=0>", steps=4, as_json=True))
    assert seen["text"] == ""
    assert seen["steps"] == 4
    (tag,) = seen["tags"]
    assert (tag["name"], tag["span"]) == ("x", {"start": 0, "end": 24})
    lines = {line["where"]: line["weights"] for line in tag["lines"]}
    assert lines["te"] == [1]
    assert lines["te hires"] == [0]
    assert lines["unet OUT03-OUT06"] == [1] * 4
    assert lines["unet all blocks hires"] == [0] * 4


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("only=cond", {"unet cond": 1, "unet uncond": 0, "te cond": 1, "te uncond": 0}),
        ("sweep=0.5;2", {"unet picture 1": 0.5, "unet picture 2": 2}),
        ("lbw=cross@0.5", {"unet cross": 0.5, "unet self ff proj conv": 1}),
        ("lbw=IN04@0;REST@1", {"unet IN04": 0}),
        ("0", {"unet": 0, "te": 0}),
        ("lbw=IN01.ff@2", {"unet IN01(ff)": 2}),
    ],
)
def test_explain_names_what_differs(arguments: str, expected: dict[str, float]) -> None:
    (tag,) = explain(f"<lora:a:{arguments}>", steps=2).as_dict()["tags"]
    lines = {line["where"]: line["weights"][0] for line in tag["lines"]}
    assert expected.items() <= lines.items()


def test_explain_never_fails() -> None:
    for prompt in ("", "<lora:", "[<lora:a>|]", "<lora:a:-1:on=0>", "\n<lora:a:é>\t"):
        for steps in (0, 1, 2):
            assert report(prompt, steps)
            assert json.loads(report(prompt, steps, as_json=True))["steps"] == max(1, steps)


def test_more_problems_than_anybody_reads_are_not_listed() -> None:
    prompt = parse("<lora:a:x>" * 1500 + "<lora:a:1")
    assert len(prompt.problems) == 1001
    assert prompt.problems[-1].message == ("column 10009: further problems are not listed")
    assert len(parse("<lora:a:x>" * 1000).problems) == 1000
    assert [tag.name for tag in parse("<lora:" * 3000 + "<lora:b>").tags] == ["b"]


@pytest.mark.parametrize("curve", ["0@0;1@0.5", "te=0@0;1@0.5", "1:hr=0@0;1@0.5"])
def test_curves_for_both_parts_need_no_warning(curve: str) -> None:
    """That the text encoder has one number of it goes without saying; `explain` shows which."""
    assert parse(f"<lora:a:{curve}>").problems == ()
