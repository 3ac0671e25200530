"""Fused attention and bare parameters: deltas inside equal the merged module."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import pytest
import torch
from delta_formulas import Scale, ScaleInput, deltas
from delta_formulas import merged as formula
from engine_run import applied, run
from live_lora.deltas import Delta, LowRank
from live_lora.engine.layers import find_sites
from live_lora.engine.layers.attention import PROJECTIONS
from torch import Tensor, nn

Layout = tuple[bool, int]


def merged(mha: nn.MultiheadAttention, found: Mapping[str, Delta], m: float) -> nn.Module:
    changed = copy.deepcopy(mha).requires_grad_(False)
    for index, name in enumerate(PROJECTIONS):
        weight, bias = changed.out_proj.weight, changed.out_proj.bias
        if name != "out_proj":
            rows = slice(index * 8, index * 8 + 8)
            weight, bias = changed.in_proj_weight[rows], changed.in_proj_bias[rows]
        if name in found:
            weight += m * (formula(found[name], weight) - weight)
            if found[name].bias is not None:
                bias += m * found[name].bias
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
@pytest.mark.parametrize("form", deltas(torch.zeros(1, 1)))
def test_every_form_of_delta_on_every_projection(form: str, batch_first: bool) -> None:
    mha = nn.MultiheadAttention(8, 2, batch_first=batch_first)
    nn.init.normal_(mha.in_proj_bias)
    found = {name: deltas(torch.randn(8, 8))[form] for name in PROJECTIONS}
    for x in (torch.randn(5, 3, 8), torch.randn(5, 8)):  # the second without rows
        want, _ = merged(mha, found, 0.3)(x, x, x)
        with torch.no_grad(), applied(mha, {name: [one] for name, one in found.items()}, 0.3) as on:
            got, _ = mha(x, x, x)
        assert torch.allclose(got, want, atol=1e-4)
        assert on.ran("k_proj") == [True]


def test_both_sides_of_one_projection() -> None:
    mha = nn.MultiheadAttention(8, 2)
    nn.init.normal_(mha.in_proj_bias)
    scale, scale_input = Scale(torch.randn(8)), ScaleInput(torch.randn(8))
    changed = copy.deepcopy(mha).requires_grad_(False)
    weight = mha.in_proj_weight[:8].detach()
    for delta, m in ((scale, 0.3), (scale_input, 0.6)):
        changed.in_proj_weight[:8] += m * (formula(delta, weight) - weight)
    x = torch.randn(5, 3, 8)
    got, _ = run(mha, {"q_proj": [scale, scale_input]}, [0.3, 0.6], x, x, x)
    assert torch.allclose(got, changed(x, x, x)[0], atol=1e-5)


def test_one_delta_that_acts_is_enough() -> None:
    mha = nn.MultiheadAttention(8, 2)
    x, (first, second) = torch.randn(5, 3, 8), (pair(), pair())
    got, _ = run(mha, {"q_proj": [first, second]}, [0.0, 0.7], x, x, x)
    assert torch.allclose(got, merged(mha, {"q_proj": second}, 0.7)(x, x, x)[0], atol=1e-5)


def test_without_rows_the_tokens_are_counted() -> None:
    mha = nn.MultiheadAttention(8, 2)
    x = torch.randn(5, 8)
    with torch.no_grad(), applied(mha, {"q_proj": [pair()]}, [[1.0, 2.0]]) as on:
        mha(x, x, x)
    assert on.table.mismatches == {(5, 2)}


def test_a_module_with_an_input_of_its_own_for_keys() -> None:
    mha = nn.MultiheadAttention(8, 2, kdim=6, vdim=4)
    found = {"k_proj": pair(6), "v_proj": pair(4)}
    changed = copy.deepcopy(mha).requires_grad_(False)
    changed.k_proj_weight += 0.7 * found["k_proj"].up @ found["k_proj"].down
    changed.v_proj_weight += 0.7 * found["v_proj"].up @ found["v_proj"].down
    query, key, value = torch.randn(5, 3, 8), torch.randn(7, 3, 6), torch.randn(7, 3, 4)
    placed = {name: [delta] for name, delta in found.items()}
    got, _ = run(mha, placed, 0.7, query, key, value)
    assert torch.allclose(got, changed(query, key, value)[0], atol=1e-5)


class TwoLayouts(nn.Module):
    """Blocks of (tokens, rows, channels), and around them layers with their rows first."""

    def __init__(self) -> None:
        super().__init__()
        self.block = Block(batch_first=False)
        self.block_after = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.block_after(self.block(x.transpose(0, 1)).transpose(0, 1))


@pytest.mark.parametrize("form", ["low", "input"])
def test_each_layer_has_its_blocks_layout(form: str) -> None:
    model = TwoLayouts()
    assert {site.path: site.row_dim for site in find_sites(model)} == {
        **{f"block.attn.{name}": 1 for name in PROJECTIONS},
        "block.mlp": 1,
        "block_after": 0,
    }
    found = {path: [deltas(torch.randn(8, 8))[form]] for path in ("block.mlp", "block_after")}
    x = torch.randn(3, 5, 8)
    singles = [run(model, found, m, x[i : i + 1]) for i, m in enumerate((0.0, 0.5, 1.0))]
    got = run(model, found, [[0.0, 0.5, 1.0]], x)
    assert torch.allclose(got, torch.cat(singles), atol=1e-5)


def test_weight_zero_leaves_the_modules_own_output() -> None:
    mha = nn.MultiheadAttention(8, 2)
    x = torch.randn(5, 3, 8)
    with torch.no_grad():
        base, _ = mha(x, x, x)
    got, _ = run(mha, {"q_proj": [pair()]}, 0.0, x, x, x)
    assert torch.equal(got, base)
