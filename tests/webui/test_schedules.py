"""Against the webui's own get_learned_conditioning_prompt_schedules: a tag is a word in its place.

Prompts are made so that the host's grammar has one reading: where a bracket that is text touches
one that is not, its Earley parser picks a reading by the order of a set.
"""

from __future__ import annotations

import importlib.util
import os
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_lora import parse
from live_lora.records import Progress, Row, Target

TAG = "<lora:x>"
UNET = Target("unet", "mid_block_resnets_0_conv1", "", "conv", (1, 1, 1, 1))
TEXT = Target("text_encoder", "encoder_layers_0_mlp_fc1", "", "linear", (1, 1))

words = st.sampled_from(
    [TAG, TAG, "a", " ", "b, ", r"\(", "\\" + TAG, r"\] ", "0.5", "3", "\n", "é"]
)
times = st.sampled_from(
    ["0.5", "3", ".25", "1", "1.0", "1.", "12", "0.99", "1.5", " 4", "7 ", "1e0", "-1", "+3", "13"]
)


def _groups(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    run = st.lists(inner, max_size=3).map("".join)
    return st.one_of(
        run.map("({})".format),
        st.tuples(run, st.sampled_from(["1.2", "a"])).map(lambda parts: "({}:{})".format(*parts)),
        run.map("[{}]".format),
        st.tuples(run, times).map(lambda parts: "[{}:{}]".format(*parts)),
        st.tuples(run, run, times).map(lambda parts: "[{}:{}:{}]".format(*parts)),
        st.lists(run, min_size=2, max_size=4).map(lambda parts: f"[{'|'.join(parts)}]"),
    )


noise = st.sampled_from(
    [
        "x[x",
        "x]x",
        "x(x",
        "x)x",
        "x:x",
        "x|x",
        f"x[a:{TAG}3]x",
        f"x[a:0.{TAG}5]x",
        f"x[{TAG}:4 {TAG}]x",
    ]
)
prompts = (
    st.lists(st.one_of(st.recursive(words, _groups, max_leaves=6), noise), min_size=1, max_size=3)
    .map("".join)
    .filter(lambda text: TAG in text and len(text) < 90)
)


@pytest.fixture(scope="module")
def parser() -> Any:
    """The webui's module, loaded from its file."""
    path = Path(os.environ["WEBUI_ROOT"]) / "modules" / "prompt_parser.py"
    spec = importlib.util.spec_from_file_location("webui_prompt_parser", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own: escapes in strings that Python deprecates
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def host(parser: Any) -> Any:
    """The function that decides about schedules."""
    return parser.get_learned_conditioning_prompt_schedules


def entry(schedule: list[list[Any]], call: int) -> str:
    """The text of the entry that holds at this call, as the webui looks it up."""
    return next((text for end, text in schedule if call <= end), schedule[0][1])


def shown(text: str) -> str:
    """What of a text reaches the encoder: lone backslashes and empty emphasis do not."""
    text = re.sub(r"\\([^()\[\]\\]|$)", r"\1", re.sub(r"W\d+W", "", text))
    while "()" in text:
        text = text.replace("()", "")
    return text


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(prompts, st.sampled_from([(10, None), (10, 10), (10, 7)]), st.booleans())
def test_a_tag_is_a_word_in_its_place(
    host: Any, text: str, passes: tuple[int, int | None], old: bool
) -> None:
    first, hires = passes
    read = parse(text, negative=True, old_schedules=old)
    count = iter(range(100))
    in_words = re.sub(TAG, lambda _: f"W{next(count)}W", text)
    schedule = host([in_words], first, hires, old)[0]
    run = hires or first
    for call in range(run + 2):
        moment = Progress(0, run, hires=bool(hires), call=call, calls=run, first_calls=first)
        for number, tag in enumerate(read.tags):
            expected = float(f"W{number}W" in entry(schedule, call))
            assert tag.weight(UNET, Row(), moment) == expected, (call, number)
            assert tag.weight(TEXT, Row(), moment) == expected, (call, number)
    left = host([read.text], first, hires, old)[0]
    if read.text:
        assert [end for end, _ in left] == [end for end, _ in schedule]
        # A backslash before a tag protects what comes after it, as in A1111.
        if "\\" + TAG not in text:
            assert [shown(ours) for _, ours in left] == [shown(theirs) for _, theirs in schedule]


@pytest.mark.parametrize(
    "text",
    [
        "a <lora:x> AND b <lora:x>",
        "<lora:x> AND <lora:x> :0.5 AND [c <lora:x>::3] x\\ :1.2",
        "a ANDROID <lora:x> AND\n<lora:x> ANDAND <lora:x>",
        "[a <lora:x> AND b:<lora:x>:3] <lora:x>",
        "AND <lora:x> AND AND <lora:x>",
        "a :0.5 <lora:x> AND b:2",
    ],
)
def test_parts_are_the_hosts(parser: Any, host: Any, text: str) -> None:
    read = parse(text)
    count = iter(range(100))
    in_words = re.sub(TAG, lambda _: f"W{next(count)}W", text)
    (parts,), flat, _ = parser.get_multicond_prompt_list([in_words])
    texts = [flat[index] for index, _ in parts]
    assert [tag.part for tag in read.tags] == [
        next(part for part, piece in enumerate(texts) if f"W{number}W" in piece)
        for number in range(len(read.tags))
    ]
    for number, tag in enumerate(read.tags):
        schedule = host([texts[tag.part]], 10)[0]
        for call in range(10):
            on = tag.weight(UNET, Row(), Progress(0, 10, call=call, calls=10))
            assert on == float(f"W{number}W" in entry(schedule, call))
