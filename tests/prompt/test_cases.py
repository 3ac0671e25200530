"""The table of prompts that Python and the page read alike: tests/cases/tags.json.

`text` is what is left. Of each tag: `te` and `unet` weights (unet: a number, or one per step),
`hires` te and unet, `blocks` the weights in five blocks, `pictures` the weights of four pictures,
`uncond` the weight there, `region` its box or mask picture and how soft. `errors` and `warnings`
are the pieces of the prompt that are marked; `>` or `:` stands for "something is missing here".
`peers` says what other programs make of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from live_lora import parse
from live_lora.prompt import Prompt, Tag
from live_lora.records import Progress, Row, Target

CASES = [
    (group["about"], case)
    for group in json.loads((Path(__file__).parents[1] / "cases" / "tags.json").read_text("utf-8"))
    for case in group["cases"]
]
TEXT = Target("text_encoder", "encoder_layers_0_self_attn_q_proj", "", "linear", (1, 1))


def unet(block: str = "down_blocks_0_attentions_0") -> Target:
    return Target("unet", f"{block}_transformer_blocks_0_attn2_to_q", "", "linear", (1, 1))


BLOCKS = [
    unet(block)
    for block in (
        "down_blocks_0_attentions_0",
        "down_blocks_2_attentions_1",
        "mid_block_attentions_0",
        "up_blocks_1_attentions_0",
        "up_blocks_3_attentions_2",
    )
]


def steps(expected: Any) -> list[Progress]:
    count = len(expected) if isinstance(expected, list) else 11
    return [Progress(step, count) for step in range(count)]


def weights(tag: Tag, expected: dict[str, Any]) -> dict[str, Any]:
    """What the tag gives, in the form of the table; only what the table asks for."""
    row, hires = Row(part=tag.part), Progress(0, 11, hires=True)
    moments = steps(expected.get("unet"))
    start = moments[0]
    in_time = [tag.weight(unet(), row, moment) for moment in moments]
    found = {
        "source": tag.source,
        "name": tag.name,
        "te": tag.weight(TEXT, row, start),
        "unet": in_time if isinstance(expected.get("unet"), list) else in_time[0],
        "part": tag.part,
        "rank": tag.rank,
        "hash": tag.hash,
        "on": tag.on,
        "region": region(tag),
        "hires": [tag.weight(target, row, hires) for target in (TEXT, unet())],
        "blocks": [tag.weight(target, row, start) for target in BLOCKS],
        "pictures": [tag.weight(unet(), Row(picture), start) for picture in range(4)],
        "uncond": tag.weight(unet(), Row(side="uncond"), start),
    }
    return {name: found[name] for name in expected}


def region(tag: Tag) -> str | None:
    """Box or name and softness, in the form of the table."""
    found = tag.region
    if found is None:
        return None
    box = found.name if found.box is None else ",".join(f"{side:g}" for side in found.box)
    return f"{box} soft {found.soft:g}"


def marked(prompt: Prompt, severity: str) -> list[str]:
    return [
        prompt.source[problem.span.start : problem.span.end]
        for problem in prompt.problems
        if problem.severity == severity and problem.span is not None
    ]


@pytest.mark.parametrize(("about", "case"), CASES, ids=[case["prompt"] for _, case in CASES])
def test_case(about: str, case: dict[str, Any]) -> None:
    prompt = parse(case["prompt"])
    assert prompt.text == case["text"], about
    assert [tag.source for tag in prompt.tags] == [tag["source"] for tag in case["tags"]]
    for tag, expected in zip(prompt.tags, case["tags"], strict=True):
        assert prompt.source[tag.span.start : tag.span.end] == tag.source
        found = weights(tag, expected)
        assert found == {
            name: pytest.approx(value) if isinstance(value, (float, list)) else value
            for name, value in expected.items()
        }
    assert marked(prompt, "error") == case["errors"]
    assert marked(prompt, "warning") == case["warnings"]
