"""`mask=` and `soft=` that are none: which tag is left out, what is said, and how it is mended."""

from __future__ import annotations

import pytest
from live_lora import parse

OTHER = "<lora:b:0.5>"


def read(arguments: str) -> tuple[str, str | None]:
    """What is said of a tag with these arguments, and the text once it is mended as offered."""
    text = f"a fox <lora:a:1:{arguments}> {OTHER}"
    prompt = parse(text)
    (problem,) = prompt.problems
    fix = problem.fix
    mended = text[: fix.span.start] + fix.text + text[fix.span.end :] if fix else None
    if problem.severity == "error":
        assert [tag.source for tag in prompt.tags] == [OTHER], "all else goes on"
        assert prompt.text == "a fox  "
    return problem.message, mended


@pytest.mark.parametrize(
    ("arguments", "said", "mended"),
    [
        ("mask=0.5,0,0,1", "the corners are in the wrong order", "mask=0,0,0.5,1"),
        ("mask=1,1,0,0", "the corners are in the wrong order", "mask=0,0,1,1"),
        ("mask=0,0,0.5,1.2", "this is outside the picture", "mask=0,0,0.5,1"),
        ("mask=-0.1,0,0.5,1", "this is outside the picture", "mask=0,0,0.5,1"),
        ("mask=0,0,512,512", "this is outside the picture", None),
        ("mask=2,2,3,3", "this is outside the picture", None),
        ("mask=0.2,0,0.2,1", "this box is empty", None),
        ("mask=0,0,1", "found 3 numbers", None),
        ("mask=0,0,1,1,1", "found 5 numbers", None),
        ("mask=", "expected left, right, top, bottom, middle, a box", ""),
    ],
)
def test_a_region_that_is_none_costs_its_tag(arguments: str, said: str, mended: str | None) -> None:
    message, text = read(arguments)
    assert said in message
    assert "mask: " in message
    assert text == (
        None if mended is None else f"a fox <lora:a:1{':' * bool(mended)}{mended}> {OTHER}"
    )
    if text is not None:
        assert len(parse(text).tags) == 2


@pytest.mark.parametrize("soft", ["-0.1", "1.5", "nan", "wide", ""])
def test_an_edge_that_is_none(soft: str) -> None:
    message, _ = read(f"mask=left:soft={soft}")
    assert "expected a fraction of the picture's shorter side" in message


def test_what_means_nothing_is_a_remark() -> None:
    for arguments in ("soft=0.1", "mask=0,0,1,1"):
        (problem,) = parse(f"<lora:a:{arguments}>").problems
        assert (problem.severity, problem.code) == ("warning", "no-effect")
