"""Block weights: names from targets, lists and presets, pairs, elements."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from live_lora import parse
from live_lora.model.blocks import BLOCKS, LISTS, block_of, has_element
from live_lora.prompt import DEFAULT, Language
from live_lora.prompt.presets import read_presets
from live_lora.records import Progress, Row, Target

MAPS = Path(__file__).parents[1] / "data" / "keylists" / "maps"


def unet(key: str) -> Target:
    return Target("unet", key, "", "linear", (1, 1))


TEXT = Target("text_encoder_2", "encoder_layers_3_self_attn_v_proj", "", "linear", (1, 1))
IN01 = unet("down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_q")
OUT03 = unet("up_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out_0")
CONV = unet("up_blocks_3_resnets_2_conv1")
TIME = unet("time_embedding_linear_1")


def weight(arguments: str, target: Target, language: Language = DEFAULT) -> float:
    (tag,) = parse(f"<lora:a:{arguments}>", language=language).tags
    assert "target" in tag.varies
    found = tag.weight(target, Row(), Progress())
    assert tag.group(target) == tag.group(target)
    return found


@pytest.mark.parametrize("model", ["sd15", "sd21", "sdxl", "sdxl_refiner"])
def test_blocks_are_those_of_the_original_layout(model: str) -> None:
    """The diffusers key alone tells the block that the original layout's name has in it."""
    table = json.loads(
        gzip.decompress((MAPS / f"{model}_unet_diffusers_to_host.json.gz").read_bytes())
    )
    for key, host in table.items():
        found = re.search(r"(input|output)_blocks\.(\d+)\.", host["host"])
        middle = "M00" if "middle_block" in host["host"] else None
        name = f"{'IN' if found[1] == 'input' else 'OUT'}{int(found[2]):02}" if found else middle
        assert block_of(unet(key.replace(".", "_"))) == name, key


def test_text_encoders_are_base() -> None:
    assert block_of(TEXT) == "BASE"


@pytest.mark.parametrize("count", LISTS)
def test_lists_name_their_blocks_in_order(count: int) -> None:
    assert len(LISTS[count]) == count
    assert sorted(LISTS[count], key=BLOCKS.index) == list(LISTS[count])
    for index, block in enumerate(LISTS[count]):
        numbers = ",".join("1" if place == index else "0" for place in range(count))
        for target in (IN01, OUT03, CONV, TEXT):
            assert weight(f"lbw={numbers}", target) == float(block_of(target) == block)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("lbw=OUTALL", (0, 1, 1, 1)),
        ("lbw=INALL", (1, 0, 0, 1)),
        ("lbw=OUT03@1", (0, 1, 0, 1)),
        ("lbw=BASE@0;OUT03@1", (0, 1, 0, 0)),
        ("lbw=OUT03", (0, 1, 0, 1)),
        ("lbw=OUT00-OUT11@0.5", (0, 0.5, 0.5, 1)),
        ("lbw=OUT11-OUT00@0.5", (0, 0.5, 0.5, 1)),
        ("lbw=OUT03@1;REST@0.2", (0.2, 1, 0.2, 0.2)),
        ("lbw=attn@0.5", (0.5, 0.5, 1, 0.5)),
        ("lbw=self@0.5", (1, 0.5, 1, 0.5)),
        ("lbw=cross.q@0.5", (0.5, 1, 1, 1)),
        ("lbw=out@0;conv@3", (1, 0, 3, 1)),
        ("lbw=v@0.5", (1, 1, 1, 0.5)),
        ("lbw=IN01.cross@0.3", (0.3, 0, 0, 1)),
        ("lbw=ALL;IN01@0.3;cross@0.2", (0.2, 1, 1, 1)),
        ("lbw=OUTALL;attn@0.25", (0.25, 0.25, 1, 0.25)),
        ("lbwe=ATTNDEEPOFF", (1, 0, 1, 1)),
        ("lbw=NONE:lbwe=attn@1", (1, 1, 0, 1)),
        ("0.5:lbw=OUTALL", (0, 0.5, 0.5, 0.5)),
    ],
)
def test_what_each_layer_gets(arguments: str, expected: tuple[float, ...]) -> None:
    assert tuple(weight(arguments, target) for target in (IN01, OUT03, CONV, TEXT)) == expected


def test_what_is_in_no_block_follows_elements_only() -> None:
    assert weight("lbw=NONE", TIME) == 1
    assert weight("lbw=IN01@0", TIME) == 1
    assert weight("lbw=time@0.5", TIME) == 0.5


def test_targets_that_weigh_the_same_are_one_group() -> None:
    (tag,) = parse("<lora:a:lbw=OUTALL>").tags
    assert tag.group(OUT03) == tag.group(CONV) != tag.group(IN01)


OWN = """
# a comment: 1,1
MINE:1,0,0,0,0,0,0,0,X,X+0.5,X-1,1,1,1,1,1,1
OUTD:0,0,0,0,0,0,0,0,0,0,0,0
too short:1,2
CROSS:OUT IN01:attn2:0.3,NOT OUT:in_layers:0.7

LATE::attn1:0.1
BASE:attn:0.6

OUT03:attn:0.9
"""


@pytest.mark.parametrize(
    ("arguments", "target", "expected"),
    [
        ("lbw=MINE:x=0.4", OUT03, 0.4),
        ("lbw=MINE", OUT03, 1),  # X is 1 where x= is not given
        ("1:MINE", IN01, 0),
        ("lbw=OUTD", OUT03, 0),  # a known name defined anew
        ("lbwe=CROSS", IN01, 0.3),
        ("1:1:CROSS", IN01, 0.3),
        ("lbwe=CROSS", CONV, 1),
        ("lbwe=CROSS", unet("down_blocks_1_resnets_0_conv1"), 0.7),
        ("lbwe=CROSS", unet("down_blocks_1_resnets_0_time_emb_proj"), 1),
        ("lbwe=LATE", OUT03, 0.1),
        ("lbwe=LATE", TEXT, 0.6),
        ("lbw=INS", IN01, 1),  # the known ones are still there
    ],
)
def test_the_users_own_presets(arguments: str, target: Target, expected: float) -> None:
    assert weight(arguments, target, Language.with_presets(OWN)) == expected


def test_other_lines_of_a_presets_file_are_comments() -> None:
    assert "too short" not in read_presets(OWN).blocks
    assert "# a comment" not in read_presets(OWN).blocks


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("lbw=OUTX", "did you mean OUT"),
        ("lbw=1,2", "expected 12, 17, 20 or 26 numbers, found 2"),
        ("lbw=IN12@1", "no block or element is named 'IN12'"),
        ("lbw=IN01@", "expected a number for IN01, found nothing"),
        ("lbw=ALL;IN01", "expected a pair such as OUT03@1"),
        ("lbw=crss@1", "did you mean cross?"),
        ("lbwe=REST@1", "REST can only be used in lbw="),
        ("lbw=" + ",".join("R" * 12), "random"),
        ("lbw=" + ",".join(["1"] * 11 + ["q"]), "a number for each block, found 'q'"),
    ],
)
def test_what_cannot_be_read(value: str, hint: str) -> None:
    prompt = parse(f"<lora:a:{value}>")
    assert prompt.tags == ()
    assert hint in prompt.problems[0].message


def test_presets_of_elements_match_parts_of_names() -> None:
    """As lora-block-weight has it; in the language itself `proj` is the two outer projections."""
    gate = unet("mid_block_attentions_0_transformer_blocks_0_ff_net_0_proj")
    assert weight("lbwe=PROJDEEPOFF", gate) == 0
    assert weight("lbwe=proj@0", gate) == 1
    assert weight("lbwe=PROJDEEPOFF", unet("mid_block_resnets_0_time_emb_proj")) == 1


def test_elements_by_their_key() -> None:
    ff = unet("mid_block_attentions_0_transformer_blocks_0_ff_net_0_proj")
    assert [name for name in ("attn", "ff", "proj", "conv") if has_element(ff, name)] == ["ff"]
    proj = unet("mid_block_attentions_0_proj_in")
    assert [name for name in ("attn", "ff", "proj", "conv") if has_element(proj, name)] == ["proj"]
    assert has_element(Target("text_encoder", "encoder_layers_0_mlp_fc1", "", "linear", (1,)), "ff")
