"""The two ways of composing LoRAs in docs/syntax.md do what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_lora import parse
from live_lora.prompt.words.parts import parts_of
from live_lora.records import Progress, Row, Target

DOCS = (Path(__file__).parents[2] / "docs" / "syntax.md").read_text("utf-8")
UNET = Target("unet", "conv_in", "", "conv", (1, 1, 1, 1))


def recipe(name: str) -> str:
    """The indented line after a name."""
    lines = DOCS.partition(f"*{name}*:")[2].splitlines()
    return next(line.strip() for line in lines if line.startswith("    "))


def test_switch_has_one_lora_at_each_step_in_turn() -> None:
    """As the webui counts, whose first entry holds for two calls."""
    fox, street = parse(recipe("Switch")).tags
    moments = [Progress(step, 7, call=step, calls=7) for step in range(7)]
    weights = [[tag.weight(UNET, Row(), moment) for tag in (fox, street)] for moment in moments]
    assert weights == [[1, 0], [1, 0], [0, 1], [1, 0], [0, 1], [1, 0], [0, 1]]


def test_composite_gives_each_part_its_own_lora_and_the_same_share() -> None:
    prompt = parse(recipe("Composite"))
    parts = parts_of(prompt.text)
    assert [part.weight for part in parts] == pytest.approx([0.5, 0.5])
    assert len({part.text.strip() for part in parts}) == 1
    rows = [Row(part=0), Row(part=1), Row(side="uncond")]
    weights = [[tag.weight(UNET, row, Progress()) for tag in prompt.tags] for row in rows]
    assert weights == [[1, 0], [0, 1], [0, 0]]
