"""Fused attention and bare parameters: deltas inside equal the merged module."""

from __future__ import annotations

import copy

import pytest
import torch
from engine_run import applied, run
from live_lora.deltas import LowRank
from live_lora.engine.layers.attention import PROJECTIONS
from torch import Tensor, nn

Layout = tuple[bool, int]


def merged(mha: nn.MultiheadAttention, deltas: dict[str, LowRank], m: float) -> nn.Module:
    changed = copy.deepcopy(mha)
    for index, name in enumerate(PROJECTIONS[:3]):
        if name in deltas:
            rows = slice(index * 8, index * 8 + 8)
            changed.in_proj_weight.data[rows] += m * deltas[name].up @ deltas[name].down
    if "out_proj" in deltas:
        changed.out_proj.weight.data += m * deltas["out_proj"].up @ deltas["out_proj"].down
    return changed


def pair(inputs: int = 8, outputs: int = 8) -> LowRank:
    return LowRank(torch.randn(2, inputs), torch.randn(outputs, 2))


class Block(nn.Module):
    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(8, 2, batch_first=batch_first)
        self.mlp = nn.Linear(8, 8)

    def forward(self, x: Tensor, **options: object) -> Tensor:
        x = x + self.attn(x, x, x, **options)[0]
        return self.mlp(x)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("mask", ["none", "causal", "bool", "padding", "per head"])
@pytest.mark.parametrize("names", [["q_proj"], ["k_proj", "out_proj"], list(PROJECTIONS)])
def test_deltas_inside_equal_the_merged_module(
    batch_first: bool, need_weights: bool, mask: str, names: list[str]
) -> None:
    torch.manual_seed(0)
    mha = nn.MultiheadAttention(8, 2, batch_first=batch_first)
    nn.init.normal_(mha.in_proj_bias)
    deltas = {name: pair() for name in names}
    x = torch.randn(3, 5, 8) if batch_first else torch.randn(5, 3, 8)
    options: dict[str, object] = {"need_weights": need_weights}
    causal = torch.full((5, 5), float("-inf")).triu(1)
    if mask in {"causal", "bool"}:
        options["attn_mask"] = causal if mask == "causal" else causal.isinf()
    if mask == "per head":
        options["attn_mask"] = torch.randn(6, 5, 5)
    if mask == "padding":
        options["key_padding_mask"] = torch.tensor([[False] * 4 + [True]] * 3)
    want, want_scores = merged(mha, deltas, 0.7)(x, x, x, **options)
    placed = {name: [delta] for name, delta in deltas.items()}
    got, scores = run(mha, placed, 0.7, x, x, x, **options)
    assert (got - want).abs().max() <= 1e-5 * want.abs().max()
    assert (scores is None) == (want_scores is None)
    if scores is not None:
        assert torch.allclose(scores, want_scores, atol=1e-5)


@pytest.mark.parametrize("batch_first", [True, False])
def test_rows_are_found_in_either_layout(batch_first: bool) -> None:
    torch.manual_seed(0)
    block = Block(batch_first)
    deltas = {"attn.q_proj": [pair()], "mlp": [pair()]}
    rows = torch.randn(3, 5, 8)  # rows first

    def call(x: Tensor) -> Tensor:
        out = block(x if batch_first else x.transpose(0, 1))
        return out if batch_first else out.transpose(0, 1)

    with torch.no_grad():
        base = call(rows)
        singles = []
        for i in range(3):
            with applied(block, deltas, float(i)):
                singles.append(call(rows[i : i + 1]))
        with applied(block, deltas, [[0.0, 1.0, 2.0]]):
            batch = call(rows)
    assert torch.allclose(batch, torch.cat(singles), atol=1e-5)
    assert torch.allclose(batch[0], base[0], atol=1e-5)
    assert not torch.allclose(batch[1], base[1], atol=1e-2)


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_call_without_rows(batch_first: bool) -> None:
    mha = nn.MultiheadAttention(8, 2, batch_first=batch_first)
    deltas = {name: pair() for name in PROJECTIONS}
    x = torch.randn(5, 8)  # tokens, channels
    want, _ = merged(mha, deltas, 0.7)(x, x, x)
    got, _ = run(mha, {name: [delta] for name, delta in deltas.items()}, 0.7, x, x, x)
    assert torch.allclose(got, want, atol=1e-5)


def test_weight_zero_leaves_the_modules_own_output() -> None:
    mha = nn.MultiheadAttention(8, 2)
    x = torch.randn(5, 3, 8)
    with torch.no_grad():
        base, _ = mha(x, x, x)
    got, _ = run(mha, {"q_proj": [pair()]}, 0.0, x, x, x)
    assert torch.equal(got, base)


class Projecting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.text_projection = nn.Parameter(torch.randn(6, 4))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.text_projection


def test_a_bare_parameter_is_reached_and_left_alone() -> None:
    model = Projecting()
    before, parameter = model.text_projection.detach().clone(), model.text_projection
    delta = pair(6, 4)
    x = torch.randn(3, 6)
    with torch.no_grad(), applied(model, [delta], [[0.0, 0.5, 1.0]]):
        got = model(x)
        assert list(model.state_dict()) == ["text_projection"]
    with torch.no_grad():
        scale = torch.tensor([[0.0], [0.5], [1.0]])
        want = x @ before + scale * (x @ (delta.up @ delta.down).t())
    assert torch.allclose(got, want, atol=1e-6)
    assert model.text_projection is parameter
    assert torch.equal(model.text_projection, before)
