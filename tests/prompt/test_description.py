"""What a page gets to know of a prompt: arguments in words, what editors begin with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from live_lora import parse
from live_lora.prompt import Language
from live_lora.prompt.arguments import argument_names
from live_lora.prompt.description import describe, vocabulary

WORDS = {
    "te=0.5": "0.5",
    "unet=0@0;1@0.5 smooth": "0 at the start → 1 at 50 % (smooth)",
    "te=1@2;0@12": "1 after 2 steps → 0 after 12 steps",
    "te=1@s14;0@s2.5": "1 at noise level 14 → 0 at noise level 2.5",
    "hr=0.4": "hires pass: 0.4",
    "hrte=0.4": "hires pass: text encoder 0.4",
    "hrunet=1@0;0@1": "hires pass: UNet 1 at the start → 0 at the end",
    "start=0.2": "from 20 %",
    "start=1": "after 1 step",
    "stop=8": "until 8 steps are done",
    "stop=s2": "until noise level 2",
    "step=5-12": "after 5 steps until 12 steps are done",
    "step=0-1": "all steps",
    "only=part,cond": "only on the positive side and its AND part",
    "dyn=1": "first rank only",
    "dyn=8": "first 8 ranks only",
    "hash=0123456789abcdef": "file with hash 0123456789",
    "sweep=0;0.5;1": "pictures in turn: 0, 0.5, 1",
    "seed=same": "one seed for all pictures",
    "on=0": "off",
    "lbw=OUTD": "blocks: BASE 1, OUT03–OUT06 1, others 0",
    "lbw=IN04.cross@0.3;REST@1": "blocks: IN04 cross 0.3, others 1",
    "lbw=ff@0": "blocks: ff 0",
    "lbwe=ATTNDEEPON": "elements: elements of a preset",
    "x=0.5": "X is 0.5",
    "mask=right": "in the right half",
    "mask=middle": "in the middle",
    "mask=0,0.2,0.35,1": "in 0–35 % across, 20–100 % down",
    "mask=face": "where face is white",
    "soft=0.1": "with an edge 10 % wide",
    "soft=0": "with a hard edge",
    "in=0.5": "blocks on the way in: 0.5",
    "mid=0": "middle block: 0",
    "out=0@0;1@1": "blocks on the way out: 0 at the start → 1 at the end",
    "cap=0.8": "at most 0.8 times what the UNet answers, over all layers",
    "cap=0.4 each": "at most 0.4 times what the UNet answers, in each layer",
    "capped=1@0 hold;0.5@8 hold": (
        "times 1 at the start (hold) → 0.5 after 8 steps (hold), as a cap has led to"
    ),
    "hrcapped=0.5": "hires pass: times 0.5, as a cap has led to",
    "without=OUT03": "not in OUT03",
    "without=none;in4": "pictures in turn without: none, IN04",
    "nonsense=3": "",
}


def arguments(tag: str) -> list[dict[str, Any]]:
    (described,) = describe(parse(tag))["tags"]
    return described["arguments"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("written", WORDS)
def test_each_argument_has_words(written: str) -> None:
    prompt = f"é <lora:a:{written}>"
    (one,) = arguments(prompt)
    assert one["words"] == WORDS[written]
    assert prompt[slice(*one["span"])] == written


def test_every_argument_of_the_language_was_tried() -> None:
    assert {written.partition("=")[0] for written in WORDS} >= set(argument_names())


def test_what_is_given_again_says_nothing() -> None:
    assert [one["words"] for one in arguments("<lora:a:0.3:te=0.5:te=0.7>")] == ["", "", "0.7"]


@pytest.mark.parametrize(
    ("written", "weights", "elements"),
    [
        ("OUTD", {"BASE": 1, "OUT03": 1, "IN04": 0}, {}),
        ("IN04@0.5;OUT03-OUT05@1", {"BASE": 1, "IN04": 0.5, "OUT04": 1, "OUT06": 0}, {}),
        ("IN04@0;REST@0.5", {"BASE": 0.5, "IN04": 0, "OUT06": 0.5}, {}),
        ("ff@0;attn@0.5", {"BASE": 1, "IN04": 1}, {"ff": 0, "attn": 0.5}),
        ("INALL;cross@0.3", {"IN04": 1, "OUT04": 0}, {"cross": 0.3}),
    ],
)
def test_block_weights_that_sliders_can_show(
    written: str, weights: dict[str, float], elements: dict[str, float]
) -> None:
    (one,) = arguments(f"<lora:a:lbw={written}>")
    assert {block: one["blocks"]["weights"][block] for block in weights} == weights
    assert one["blocks"]["elements"] == elements


@pytest.mark.parametrize("written", ["IN04.cross@0.3", "ff@0;IN04@1", "q.cross@1"])
def test_block_weights_that_sliders_cannot_show(written: str) -> None:
    (one,) = arguments(f"<lora:a:lbw={written}>")
    assert one["blocks"] is None


def test_the_variable_of_a_preset_is_the_tags() -> None:
    language = Language.with_presets("MINE:1,X,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1")
    (tag,) = describe(parse("<lora:a:lbw=MINE:x=0.25>", language=language))["tags"]
    assert tag["arguments"][0]["blocks"]["weights"]["IN01"] == 0.25
    assert vocabulary(language)["presets"]["MINE"] is None


TABLE = Path(__file__).parents[1] / "cases" / "blocks.json"
CASES = json.loads(TABLE.read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["about"] for case in CASES])
def test_what_the_block_editor_writes(case: dict[str, Any]) -> None:
    """The page's own sentences (browser/static/blocks.mjs) mean the sliders they were made of."""
    blocks = vocabulary()["blocks"][case["base"]]
    if not case["gives"]:
        assert set(case["weights"].values()) | {case["rest"]} == {1}
        return
    (one,) = arguments(f"<lora:a:lbw={case['gives']}>")
    wanted = dict.fromkeys(blocks, case["rest"]) | case["weights"]
    assert {block: one["blocks"]["weights"][block] for block in blocks} == wanted
    assert one["blocks"]["elements"] == case["elements"]


def test_the_words_that_editors_offer() -> None:
    words = vocabulary()
    assert words["presets"]["OUTD"]["OUT03"] == 1
    assert [len(words["blocks"][base]) for base in ("", "SD1", "SDXL")] == [26, 26, 20]
    assert "smooth" in words["easings"]
    for element in words["elements"]:
        assert parse(f"<lora:a:lbw={element}@0.5>").problems == ()
