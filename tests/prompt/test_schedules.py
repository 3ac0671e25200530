"""Tags in brackets are on where a word in their place would be; the webui's own rules as a table.

The rules were seen on the real function; tests/webui/test_schedules.py compares with it.
"""

from __future__ import annotations

import pytest
from live_lora import parse
from live_lora.prompt import Tag
from live_lora.records import Progress, Row, Target

UNET = Target("unet", "mid_block_resnets_0_conv1", "", "conv", (1, 1, 1, 1))
TEXT = Target("text_encoder", "encoder_layers_0_mlp_fc1", "", "linear", (1, 1))


def calls(
    tag: Tag, count: int = 10, *, hires: bool = False, first: int | None = None, past: int = 0
) -> str:
    """One character per call: 1 where the tag is on."""
    moments = (
        Progress(0, count, hires=hires, call=call, calls=count, first_calls=first)
        for call in range(count + past)
    )
    return "".join(str(int(tag.weight(UNET, Row(), moment))) for moment in moments)


def on(prompt: str, **passes: int | bool) -> list[str]:
    return [calls(tag, **passes) for tag in parse(prompt).tags]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("[<lora:a>:<lora:b>:0.5]", ["1111110000", "0000001111"]),
        ("[<lora:a>:b:3]", ["1111000000"]),
        ("[b:<lora:a>:3]", ["0000111111"]),
        ("[<lora:a>:3]", ["0000111111"]),
        ("[<lora:a>::3]", ["1111000000"]),
        ("[<lora:a>::.25]", ["1110000000"]),  # int(2.5)
        ("[<lora:a>::0.29]", ["1110000000"]),
        ("[<lora:a>:: 3 ]", ["1111000000"]),
        ("[<lora:a>::1]", ["1100000000"]),
        ("[<lora:a>::1.]", ["1111111111"]),
        ("[<lora:a>::1.0]", ["1111111111"]),
        ("[<lora:a>::0.05]", ["0000000000"]),
        ("[<lora:a>::0]", ["0000000000"]),
        ("[<lora:a>::-1]", ["0000000000"]),
        ("[<lora:a>::99]", ["1111111111"]),
        ("[<lora:a>::1e0]", ["1100000000"]),
        ("[<lora:a>|<lora:b>]", ["1101010101", "0010101010"]),
        ("[<lora:a>||<lora:b>]", ["1100100100", "0001001001"]),
        ("[[<lora:a>|b]::5]", ["1101010000"]),
        ("[[<lora:a>::5]:[<lora:b>::7]:3]", ["1111000000", "0000111100"]),
        ("[(x <lora:a>:1.2)::5]", ["1111110000"]),
        ("([<lora:a>::5]:1.2)", ["1111110000"]),
        (r"[\[<lora:a>\]::5]", ["1111110000"]),
        (r"[\<lora:a>::5]", ["1111110000"]),
        ("[<lora:a>::1e999]", ["1111111111"]),
        ("[<lora:a>::-1e999]", ["0000000000"]),
        ("[<lora:a>::-1.e999]", ["0000000000"]),
        ("[<lora:a>::٣]", ["1111111111"]),  # no number to the host
    ],
)
def test_the_hosts_way_of_counting(prompt: str, expected: list[str]) -> None:
    assert on(prompt) == expected


@pytest.mark.parametrize(
    "prompt",
    [
        "[<lora:a>]",
        "(<lora:a>:0.5)",
        "[<lora:a>:b]",
        "[<lora:a>:b:c:3]",
        "[<lora:a>:b:3",
        "<lora:a>:b:3]",
        "[(<lora:a>]:b:3)",
        "[x:<lora:a>3]",
        "[x:3<lora:a>]",
        "[x (:<lora:a>:3]",
        r"\[<lora:a>:b:3\]",
        r"[<lora:a>:b:3\]",
    ],
)
def test_brackets_that_are_no_schedule_are_text(prompt: str) -> None:
    assert on(prompt) == ["1111111111"]


@pytest.mark.parametrize("spoiler", ["|", "x|y", " [a:b|c]", "\\", "\\\n", "(a|b)", "[a|b", "(|"])
def test_what_the_host_rejects_has_no_schedules_at_all(spoiler: str) -> None:
    assert on(f"[<lora:a>:b:3] {spoiler}") == ["1111111111"]
    assert on(f"[<lora:a>:b:3] AND {spoiler}") == ["1111000000"], "each part is read alone"


def test_a_part_is_read_without_its_weight() -> None:
    assert on("[<lora:a>:b:3] x\\ :0.5 AND b") == ["1111111111"]
    assert on("[<lora:a>:b:3] x\\  AND b") == ["1111111111"]
    assert on("[<lora:a>:b:3] x :0.5 AND b") == ["1111000000"]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("[<lora:a>::.5]", "0000000000"),
        ("[<lora:a>::1.5]", "1111110000"),
        ("[<lora:a>::12]", "0000000000"),
        ("[<lora:a>::23]", "1111000000"),
        ("[<lora:a>|b]", "1101010101"),
    ],
)
def test_the_hires_pass_goes_on_counting(prompt: str, expected: str) -> None:
    assert on(prompt, hires=True, first=20) == [expected]


def test_old_timelines_count_both_passes_alike() -> None:
    tag = parse("[<lora:a>::.5]", old_schedules=True).tags[0]
    assert calls(tag) == calls(tag, hires=True, first=10) == "1111110000"
    assert calls(parse("[<lora:a>::1.0]", old_schedules=True).tags[0]) == "1100000000"
    assert calls(parse("[<lora:a>::1e999]", old_schedules=True).tags[0]) == "1111111111"


def test_behind_the_last_entry_comes_the_first_again() -> None:
    assert on("[<lora:a>:b:3]", past=2) == ["111100000001"]
    assert on("[b|<lora:a>]", past=2) == ["001010101010"]


def test_without_a_call_counter_the_steps_count() -> None:
    tag = parse("[<lora:a>:b:0.5]").tags[0]
    steps = [tag.weight(UNET, Row(), Progress(step, 4)) for step in range(4)]
    assert steps == [1, 1, 1, 0]


def test_the_text_encoder_follows_entry_by_entry() -> None:
    tag = parse("[<lora:a:0.5>:b:3]").tags[0]
    entries = [tag.weight(TEXT, Row(), Progress(call=end, calls=10)) for end in (3, 10)]
    assert entries == [0.5, 0.0]
    assert tag.scheduled
    assert tag.varies == {"progress"}


def test_a_host_without_entries_encodes_the_first_one() -> None:
    tags = parse("[<lora:a>:<lora:b>:0.5] [<lora:c>:3] [<lora:d>::0.3] [e|<lora:f>]").tags
    assert [tag.weight(TEXT, Row(), Progress()) for tag in tags] == [1, 0, 0, 1, 0]


def test_schedules_can_be_left_alone() -> None:
    prompt = parse("[<lora:a>:b:3]", schedules=False)
    assert calls(prompt.tags[0]) == "1111111111"
    assert prompt.text == "[:b:3]"


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("[a:<lora:x>0.5]", "[a:()0.5]"),  # else 0.5 would be a time
        ("[a:0.<lora:x>5]", "[a:0.()5]"),
        ("[a:<lora:x>3] [b:4]", "[a:()3] [b:4]"),
        ("[a:b:3] x\\<lora:x>", "[a:b:3] x"),  # else the backslash would end the text
        ("[a\\<lora:x>]:3]", "[a]:3]"),
        ("[a\\\\<lora:x>:3]", "[a\\\\:3]"),
        ("[a:<lora:x>:0.5]", "[a::0.5]"),
        ("(a<lora:x>:1.2)", "(a:1.2)"),
    ],
)
def test_what_is_left_means_the_same_to_the_host(prompt: str, text: str) -> None:
    assert parse(prompt).text == text


def test_parts_are_those_of_the_text_that_is_left() -> None:
    prompt = parse("<lora:a> AND x<lora:b>AND <lora:c> AND<lora:d> ANDROID <lora:e>")
    assert [tag.part for tag in prompt.tags] == [0, 1, 1, 2, 2]
    assert {tag.part for tag in parse("<lora:a> AND <lora:b>", negative=True).tags} == {0}


def test_a_negative_prompt_has_no_parts_to_reject() -> None:
    assert on("[<lora:a>:b:3] AND |") == ["1111000000"]
    tag = parse("[<lora:a>:b:3] AND |", negative=True).tags[0]
    assert calls(tag) == "1111111111"
