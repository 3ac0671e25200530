"""Tags written anew: by hand of a program, from a sweep, from another program's infotext."""

from __future__ import annotations

import pytest
from live_lora import parse
from live_lora.prompt.additional_networks import additional_networks
from live_lora.prompt.sweeps import length, resolve, same_seed


@pytest.mark.parametrize(
    ("tag", "name", "value", "expected"),
    [
        ("<lora:a>", "te", "0.5", "<lora:a:te=0.5>"),
        ("<lora:a:0.8>", "te", "0.5", "<lora:a:0.5>"),
        ("<lora:a:0.8:0.9>", "unet", "0.5", "<lora:a:0.8:0.5>"),
        ("<lora:a:0.8:0.9:4>", "te", None, "<lora:a:unet=0.9:dyn=4>"),
        ("<lora:a:0.8:start=3>", "start", "0.25", "<lora:a:0.8:start=0.25>"),
        ("<lora:a:0.8:start=3>", "start", None, "<lora:a:0.8>"),
        ("<lora:a:0.8>", "lbw", "IN01@1;OUT03@0.5", "<lora:a:0.8:lbw=IN01@1;OUT03@0.5>"),
        ("<lora:a:0.8:0.9:4:start=3>", "weight", "0.5", "<lora:a:0.5:dyn=4:start=3>"),
        ("<lora:a:te=0.8:unet=1>", "weight", "0.5", "<lora:a:0.5>"),
        ("<lyco:'a b':0.8>", "weight", "0.5", "<lora:'a b':0.5>"),
        ('<lora:"a:b":0.8>', "weight", "0.5", '<lora:"a:b":0.5>'),
        ("<lora:a:1:OUTD>", "weight", "0.5", "<lora:a:0.5:lbw=OUTD>"),
    ],
)
def test_one_argument_set(tag: str, name: str, value: str | None, expected: str) -> None:
    (found,) = parse(tag).tags
    assert found.with_value(name, value) == expected
    assert [found.source for found in parse(expected).tags] == [expected]


def test_another_file_under_the_same_arguments() -> None:
    (tag,) = parse("<lora:a:0.5:start=3>").tags
    assert tag.with_name("b: c") == '<lora:"b: c":0.5:start=3>'


def test_only_the_replaced_tag_changes() -> None:
    prompt = parse("x  <lora: a : .5 >, [<lyco:b>::3] <lora:broken:x> (")
    second = prompt.tags[1]
    assert (
        prompt.replace({second: "<lora:c>"})
        == "x  <lora: a : .5 >, [<lora:c>::3] <lora:broken:x> ("
    )
    assert prompt.render() == "x  <lora:a:.5>, [<lora:b>::3] <lora:broken:x> ("


def test_a_sweep_is_written_out_picture_by_picture() -> None:
    prompt = parse("a <lora:x:sweep=0; .5;1:seed=same:start=2> <lora:y:0.8:sweep=1,0>")
    assert [resolve(prompt, picture) for picture in range(4)] == [
        "a <lora:x:0:start=2> <lora:y:0.8:sweep=1>",
        "a <lora:x:.5:start=2> <lora:y:0.8:sweep=0>",
        "a <lora:x:1:start=2> <lora:y:0.8:sweep=1>",
        "a <lora:x:0:start=2> <lora:y:0.8:sweep=0>",
    ]
    assert length(prompt) == 3
    assert same_seed(prompt)
    assert not same_seed(parse("<lora:x:sweep=0;1>"))
    assert length(parse("<lora:x>")) == 1


def test_seed_without_a_sweep_is_told() -> None:
    assert "only together with sweep=" in parse("<lora:x:seed=same>").problems[0].message


def test_additional_networks() -> None:
    fields = {
        "AddNet Enabled": "True",
        "AddNet Module 1": "LoRA",
        "AddNet Model 1": "fox style(1a2b3c4d5e6f)",
        "AddNet Weight A 1": "0.7",
        "AddNet Weight B 1": "1",
        "AddNet Model 2": "old(12345678)",
        "AddNet Weight 2": "0.5",
        "AddNet Model 3": "None",
    }
    assert additional_networks(fields) == [
        "<lora:fox style:1:0.7:hash=1a2b3c4d5e6f>",
        "<lora:old:0.5>",
    ]
    assert additional_networks({**fields, "AddNet Enabled": "False"}) == []
    assert additional_networks({}) == []
