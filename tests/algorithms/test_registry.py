"""Keys are split by the longest suffix, and slots choose their algorithm."""

from __future__ import annotations

import pytest
from live_lora import algorithms
from live_lora.algorithms.base import ALGORITHMS, Algorithm
from live_lora.algorithms.suffixes import SLOTS, SUFFIXES
from live_lora.errors import ModuleError

from algorithms.sample_tensors import SAMPLES
from algorithms.samples import tensors

KEYS = {
    "lora_unet_a.lora_up.weight": ("lora_unet_a", "up"),
    "lora_unet_a.lora_mid.weight": ("lora_unet_a", "mid"),
    "lora_unet_a.alpha": ("lora_unet_a", "alpha"),
    "unet.a.b.lora_A.weight": ("unet.a.b", "down"),
    "unet.a.b.lora_B.default.weight": ("unet.a.b", "up"),
    "unet.a.b.lora_B.bias": ("unet.a.b", "up_bias"),
    "unet.a.to_q.lora.down.weight": ("unet.a.to_q", "down"),
    "unet.a.to_q.lora.up.bias": ("unet.a.to_q", "up_bias"),
    "unet.a.processor.to_q_lora.down.weight": ("unet.a.processor.to_q", "down"),
    "lora_unet_a_to_q_lora.up.weight": ("lora_unet_a_to_q", "up"),
    "te.q_proj.lora_linear_layer.up.weight": ("te.q_proj", "up"),
    "a.b.lora_A": ("a.b", "down"),
    "a.___.layer.W_down": ("a", "down"),
    "a.___.alpha": ("a", "scale"),
    "a.lora_magnitude_vector": ("a", "magnitude"),
    "a.lora_magnitude_vector.default.weight": ("a", "magnitude"),
    "a.dora_scale": ("a", "dora_scale"),
    "a.hada_w1_a": ("a", "hada_w1_a"),
    "a.lokr_w2.default": ("a", "lokr_w2"),
    "a.oft_R.weight": ("a", "oft_R"),
    "a.oft_R.scaled_oft": ("a", "oft_scaled"),
    "a.boft_s": ("a", "boft_s"),
    "a.ia3_l": ("a", "ia3_l"),
    "a.b1.weight": ("a", "b1"),
    "a.weight": ("a", "weight"),
    "a.diff_b": ("a", "diff_b"),
    "_lora.up.weight": ("_lora.up", "weight"),
}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_split_by_its_longest_suffix(key: str) -> None:
    assert algorithms.split(key) == KEYS[key]


@pytest.mark.parametrize("key", ["", "a.b.c", "alpha", ".alpha", "lora_up", "a."])
def test_other_keys_are_not(key: str) -> None:
    assert algorithms.split(key) is None


@pytest.mark.parametrize("suffix", algorithms.suffix_table())
def test_every_suffix_is_found_behind_a_module(suffix: str) -> None:
    written = suffix.replace("{name}", "default")
    joined = f"x.y{written}" if suffix.startswith("_lora") else f"x.y.{written}"
    assert algorithms.split(joined) == ("x.y", algorithms.suffix_table()[suffix])


@pytest.mark.parametrize("sample", SAMPLES)
def test_slots_choose_their_algorithm(sample: str) -> None:
    made = tensors(sample, (16, 8, 3, 3) if "norm" not in sample else (16,))
    chosen = algorithms.choose({slot: tuple(tensor.shape) for slot, tensor in made.items()})
    assert chosen.name == SAMPLES[sample][0]


def test_two_claims_on_one_suffix_are_an_error() -> None:
    with pytest.raises(TypeError, match=r"lora_up\.weight"):

        class Other(Algorithm):
            name = "other"
            suffixes = {"other_up": ("lora_up.weight",)}  # noqa: RUF012

    with pytest.raises(TypeError, match="'up'"):

        class Third(Algorithm):
            name = "third"
            suffixes = {"up": ("third_up",)}  # noqa: RUF012


def test_a_module_of_two_algorithms_is_refused() -> None:
    with pytest.raises(ModuleError, match="hada_w1_a besides a complete lora"):
        algorithms.choose({"up": (4, 1), "down": (1, 4), "hada_w1_a": (4, 1)})


def test_an_algorithm_of_another_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in (ALGORITHMS, SLOTS, SUFFIXES):
        monkeypatch.setattr(registry, "members", list(registry.members))
        monkeypatch.setattr(registry, "owners", dict(registry.owners))
    assert algorithms.split("a.brand_new.weight") == ("a.brand_new", "weight")

    class New(Algorithm):
        name = "new"
        required = frozenset({"brand_new"})
        suffixes = {"brand_new": ("brand_new.weight",)}  # noqa: RUF012

    assert algorithms.split("a.brand_new.weight") == ("a", "brand_new")
    assert algorithms.choose({"brand_new": (4, 1)}) is New
