"""Edits of a prompt's text: tests/cases/edits.json, which the page's edits are held to as well.

`set` is an argument and its value (null takes it out), `name` another file's name, `remove` takes
the tag out. `gives` is the text then; `te` and `unet` are the weights that it says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from live_lora import parse
from live_lora.prompt import Tag
from live_lora.records import Progress, Row, Target

TABLE = Path(__file__).parents[1] / "cases" / "edits.json"
CASES = [
    (group["about"], case)
    for group in json.loads(TABLE.read_text("utf-8"))
    for case in group["cases"]
]

TEXT = Target("text_encoder", "encoder_layers_0_self_attn_q_proj", "", "linear", (1, 1))
IN01 = Target("unet", "down_blocks_0_attentions_0_proj_in", "", "linear", (1, 1))


def edited(tag: Tag, case: dict[str, Any]) -> str:
    if "set" in case:
        return tag.with_value(*case["set"])
    return "" if case.get("remove") else tag.with_name(case["name"])


def names(case: dict[str, Any]) -> str:
    what = case.get("set") or case.get("name") or "remove"
    return f"{case['prompt']} {what}"


@pytest.mark.parametrize(("about", "case"), CASES, ids=[names(case) for _, case in CASES])
def test_an_edit(about: str, case: dict[str, Any]) -> None:
    prompt = parse(case["prompt"])
    (tag,) = prompt.tags
    text = prompt.replace({tag: edited(tag, case)})
    assert text == case["gives"], about
    for after in parse(text).tags:
        assert after.name == case.get("name", tag.name)
        assert after.written_kind == tag.written_kind
        weights = [after.weight(target, Row(), Progress()) for target in (TEXT, IN01)]
        assert weights == [case.get("te", weights[0]), case.get("unet", weights[1])]
    assert len(parse(text).tags) == (0 if case.get("remove") else 1)


def test_only_the_replaced_tag_changes() -> None:
    prompt = parse("x  <lora: a : .5 >, [<lyco:b>::3] <lora:broken:x> (")
    second = prompt.tags[1]
    assert (
        prompt.replace({second: "<lora:c>"})
        == "x  <lora: a : .5 >, [<lora:c>::3] <lora:broken:x> ("
    )
    assert prompt.render() == "x  <lora:a:.5>, [<lora:b>::3] <lora:broken:x> ("
    assert prompt.replace({second: second.with_value("te", "2")}) == (
        "x  <lora: a : .5 >, [<lyco:b:te=2:unet=1>::3] <lora:broken:x> ("
    )


def test_tags_side_by_side_go_together() -> None:
    prompt = parse("x <lora:a> <lora:b> y <lora:c>")
    assert prompt.replace(dict.fromkeys(prompt.tags, "")) == "x y"
