"""Axes of ours in the webui's plot script, and what they make of a prompt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from live_lora import Tag
from live_lora.hosts.webui import xyz
from modules import scripts
from standin_host import StandIn


class TestAxes:
    """What the plot script's axes make of a prompt."""

    @pytest.mark.parametrize(
        ("label", "value", "after"),
        [
            ("weight", "0.5", "x <lora:a:0.5> <lora:b:0.5:stop=1>"),
            ("weight", "a: 0.5", "x <lora:a:0.5> <lora:b:1:0.2:stop=1>"),
            ("te", "b:0", "x <lora:a:0.8> <lora:b:0:0.2:stop=1>"),
            ("te", "a:0", "x <lora:a:0:unet=0.8> <lora:b:1:0.2:stop=1>"),
            ("unet", "a:0", "x <lora:a:0.8:unet=0> <lora:b:1:0.2:stop=1>"),
            ("stop", "0.5", "x <lora:a:0.8:stop=0.5> <lora:b:1:0.2:stop=0.5>"),
            ("block preset", "a:INS", "x <lora:a:0.8:lbw=INS> <lora:b:1:0.2:stop=1>"),
            ("mask", "a:0,0,0.5,1", "x <lora:a:0.8:mask=0,0,0.5,1> <lora:b:1:0.2:stop=1>"),
            ("LoRA", "a:c", "x <lora:c:0.8> <lora:b:1:0.2:stop=1>"),
            ("LoRA", "a:none", "x <lora:b:1:0.2:stop=1>"),
        ],
    )
    def test_an_axis(self, host: StandIn, label: str, value: str, after: str) -> None:
        plot = SimpleNamespace(axis_options=[], AxisOption=axis_option)
        scripts.scripts_data[:] = [SimpleNamespace(module=plot)]
        xyz.add_axes()
        xyz.add_axes()
        (option,) = [one for one in plot.axis_options if one.label == f"[Live LoRA] {label}"]
        p = SimpleNamespace(prompt="x <lora:a:0.8> <lora:b:1:0.2:stop=1>", negative_prompt="")
        option.apply(p, value, [value])
        assert p.prompt == after

    def test_a_named_tag_is_the_only_one_changed_in_all_prompts(self) -> None:
        p = SimpleNamespace(prompt="<lora:a:0.8>", negative_prompt="<lora:b:1> <lora:a:2>")
        xyz.applied(lambda tag, value: tag.with_value("weight", value))(p, "a: 0.5", [])
        assert (p.prompt, p.negative_prompt) == ("<lora:a:0.5>", "<lora:b:1> <lora:a:0.5>")

    def test_nothing_to_change(self) -> None:
        with pytest.raises(xyz.NoTag, match="no LoRA tag"):
            xyz.applied(Tag.with_name)(SimpleNamespace(prompt="x"), "0.5", [])


def axis_option(label: str, type: Any, apply: Any, choices: Any = None) -> Any:
    return SimpleNamespace(label=label, type=type, apply=apply, choices=choices)
