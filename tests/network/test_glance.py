"""The first look at a file says what the full match says, or that it does not know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from host_trees import KEYLISTS, read
from live_lora import network
from live_lora.errors import NotALora
from live_lora.library.header import Header, TensorInfo
from live_lora.library.lora_file import UNKNOWN
from live_lora.library.outline import Outline
from live_lora.network.glance import glance
from test_not_a_lora import KINDS

LISTS = sorted(path.name.removesuffix(".json.gz") for path in KEYLISTS.glob("*.json.gz"))
MOST_UNKNOWN = 0.05


def outline(shapes: dict[str, list[int]], **metadata: str) -> Outline:
    entries = {
        key: {"dtype": "F16", "shape": shape, "data_offsets": [0, 0]}
        for key, shape in shapes.items()
    }
    return Outline(json.dumps(entries).encode(), metadata)


def matched(shapes: dict[str, list[int]], **metadata: str) -> str:
    tensors = {key: TensorInfo("F16", tuple(shape), 0, 0) for key, shape in shapes.items()}
    return network.load(Path("x"), header=Header(tensors, metadata)).base.name


def guessed(shapes: dict[str, list[int]], **metadata: str) -> str:
    return glance(Path("x"), outline(shapes, **metadata)).base


def test_every_key_list_is_what_the_full_match_says() -> None:
    found = {name: (guessed(read(name)), matched(read(name))) for name in LISTS}
    wrong = {name: pair for name, pair in found.items() if pair[0] not in (pair[1], UNKNOWN)}
    assert wrong == {}
    unknown = [name for name, (guess, _) in found.items() if guess == UNKNOWN]
    assert len(unknown) <= MOST_UNKNOWN * len(LISTS), unknown


@pytest.mark.parametrize("said", ["sd_v1", "sdxl_base_v1-0", "sd_v2", "flux", "nonsense"])
@pytest.mark.parametrize("name", ["kohya_sd15_lora_dim4", "kohya_sdxl_lora_dim4"])
def test_the_metadatas_word_counts_as_it_does_in_the_full_match(name: str, said: str) -> None:
    word = {"ss_base_model_version": said}
    assert guessed(read(name), **word) == matched(read(name), **word)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_lora_for_stable_diffusion_is_named(kind: str) -> None:
    with pytest.raises(NotALora) as caught:
        glance(Path("x"), outline({key: [2, 2] for key in KINDS[kind]}))
    assert caught.value.what.startswith(kind)


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("kohya_sd15_lora_dim4", "LoRA"),
        ("lycoris_sd15_loha_full", "LoHa"),
        ("lycoris_sd15_lokr_full_f8", "LoKr"),
        ("lycoris_sd15_boft", "OFT"),
        ("lycoris_sd15_glora", "GLoRA"),
        ("old_2_2_0_post3_lycoris_sd15_ia3", "IA3"),
        ("lycoris_sd15_dora_locon_full_wdin", "DoRA"),
    ],
)
def test_the_algorithm_is_told_by_the_slots(name: str, algorithm: str) -> None:
    assert glance(Path("x"), outline(read(name))).algorithm == algorithm


def test_a_width_of_no_stable_diffusion_is_unknown() -> None:
    """Kolors has SDXL's UNet with text embeddings 4096 wide."""
    key = "lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_k.lora_down.weight"
    assert guessed({key: [4, 4096]}) == UNKNOWN
    assert guessed({key: [4, 2048]}) == "SDXL"


def test_text_inside_the_metadata_is_no_key() -> None:
    lying = {"ss_tag_frequency": '"input_blocks_1_1_ attn2_to_k": {"shape": [4, 768]}'}
    assert guessed(read("kohya_sdxl_lora_dim4"), **lying) == "SDXL"
