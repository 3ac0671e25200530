"""Alpha, rank and scale: from tensors, from settings, and cut at use time."""

from __future__ import annotations

import math

import pytest
import torch
from live_lora.algorithms import Settings
from live_lora.deltas import Layer
from live_lora.errors import ModuleError

from algorithms.sample_tensors import SAMPLES, Tensors
from algorithms.samples import add, algorithm, module, site_of, tensors

SHAPE = (24, 16)


@pytest.fixture(name="layer")
def layer_of_linear() -> Layer:
    return site_of(module("linear with bias")).layer()


def lora(**more: torch.Tensor) -> Tensors:
    made = {k: v for k, v in tensors("lora", SHAPE, rank=4).items() if k != "alpha"}
    return made | more


@pytest.mark.parametrize(
    ("more", "settings", "scale"),
    [
        ({}, Settings(), 1.0),
        ({"alpha": torch.tensor(2.0)}, Settings(), 0.5),
        ({"alpha": torch.tensor([2])}, Settings(), 0.5),
        ({"alpha": torch.tensor(2.0, dtype=torch.bfloat16)}, Settings(), 0.5),
        ({}, Settings(alpha=8.0), 2.0),
        ({}, Settings(alpha=8.0, rslora=True), 4.0),
        ({"alpha": torch.tensor(2.0)}, Settings(alpha=8.0, rslora=True), 0.5),
        ({"scale": torch.tensor(0.3), "alpha": torch.tensor(2.0)}, Settings(), 0.3),
    ],
)
def test_the_scale(more: Tensors, settings: Settings, scale: float, layer: Layer) -> None:
    made = lora(**more)
    whole = algorithm(made, settings)
    assert math.isclose(whole.scale, scale, rel_tol=1e-6)
    want = whole.scale * made["up"] @ made["down"]
    assert torch.allclose(whole.delta(layer), want, atol=1e-12)


def test_no_room_for_a_rotation_is_lycoris_word_for_any(layer: Layer) -> None:
    made = tensors("oft", SHAPE)
    assert algorithm(made, Settings(format="kohya")).delta(layer).any()
    with pytest.raises(ModuleError, match="alpha is 0"):
        algorithm(made, Settings(format="kohya OFT")).delta(layer)


def test_adalora_divides_by_the_rank_it_began_with() -> None:
    made = tensors("adalora", SHAPE, rank=4) | {"alpha": torch.tensor(2.0)}
    assert math.isclose(algorithm(made).scale, 2 / (4 + 1e-5))
    assert math.isclose(algorithm(made, Settings(config={"init_r": 6})).scale, 2 / (6 + 1e-5))
    known = made | {"ranknum": torch.tensor([9.0])}
    assert math.isclose(algorithm(known, Settings(config={"init_r": 6})).scale, 2 / (9 + 1e-5))


def test_whole_halves_of_lokr_have_scale_1_but_for_peft() -> None:
    made = tensors("lokr of whole halves", SHAPE)
    assert algorithm(made | {"alpha": torch.tensor(9.0)}).scale == 1.0
    assert algorithm(made, Settings(alpha=9.0)).scale == 1.0
    assert algorithm(made, Settings(alpha=9.0, trained_rank=3)).scale == 3.0


CUT = {
    "lora": {"up": 1, "down": 0},
    "loha": {"hada_w1_a": 1, "hada_w1_b": 0, "hada_w2_a": 1, "hada_w2_b": 0},
    "lokr": {"lokr_w2_a": 1, "lokr_w2_b": 0},
    "glora": {"a1": 1, "a2": 0, "b1": 1, "b2": 0},
    "dora by rows": {"up": 1, "down": 0},
}


@pytest.mark.parametrize("sample", CUT)
@pytest.mark.parametrize("rank", [1, 3])
def test_a_cut_rank_keeps_the_first_columns_and_the_scale(
    sample: str, rank: int, layer: Layer
) -> None:
    made = tensors(sample, SHAPE, rank=4)
    axes = CUT[sample]
    cut = {s: t.narrow(axes[s], 0, rank) if s in axes else t for s, t in made.items()}
    cut["alpha"] = made["alpha"] * rank / 4
    got = algorithm(made, Settings(rank=rank))
    assert got.used_rank == rank
    want = algorithm(cut).delta(layer)
    assert torch.allclose(got.delta(layer), want, atol=1e-12)
    x = torch.randn(3, 16, dtype=torch.float64)
    delta = got.runtime(layer, dtype=torch.float64)
    assert torch.allclose(add(layer, delta, x, 1.0), x @ want.t(), atol=1e-10)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_rank_above_the_files_changes_nothing(sample: str) -> None:
    layer = site_of(module("layer norm" if sample == "norm" else "linear with bias")).layer()
    made = tensors(sample, tuple(layer.weight.shape))
    got, want = algorithm(made, Settings(rank=99)).delta(layer), algorithm(made).delta(layer)
    assert torch.equal(got, want)


def test_a_cut_of_tlora_keeps_the_strongest_directions(layer: Layer) -> None:
    made = tensors("tlora", SHAPE, rank=4)
    u, s, v = torch.linalg.svd(layer.weight)
    p, q, length = made["p_layer"][:, :2], made["q_layer"][:2], made["lambda_layer"][0, :2]
    want = 0.6 * (p @ length.diag() @ q - u[:, :2] @ s[:2].diag() @ v[:2])
    got = algorithm(made, Settings(rank=2)).delta(layer)
    assert torch.allclose(got, want, atol=1e-10)
