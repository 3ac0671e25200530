"""The arithmetic of a hook equals the merged weight, for every kind of delta, layer and weight."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from engine_run import applied, run
from formulas import deltas, expected
from live_lora.deltas import Dense, LowRank
from torch import Tensor, nn
from torch.nn import functional as F


def linear() -> nn.Module:
    return nn.Linear(6, 5)


def conv() -> nn.Module:
    return nn.Conv2d(6, 5, 3, stride=2, padding=1)


def circular() -> nn.Module:
    return nn.Conv2d(6, 5, 3, padding=1, padding_mode="circular")


LAYERS = {"linear": linear, "conv": conv, "circular": circular}


def inputs(kind: str) -> Tensor:
    return torch.randn(4, 7, 6) if kind == "linear" else torch.randn(4, 6, 8, 8)


SETS = [
    ["low"],
    ["low", "low again"],
    ["dense"],
    ["output"],
    ["input"],
    ["input", "input again"],
    ["low", "output", "input", "dense", "input again", "low again"],
]
WEIGHTS: dict[str, Callable[[int], list[float]]] = {
    "one": lambda i: [1.0] * 4,
    "constant": lambda i: [0.7 - i] * 4,
    "zero": lambda i: [0.0] * 4,
    "by row": lambda i: [1.0, 0.0, -0.5 + i, 0.3],
    "one row": lambda i: [0.0, 0.0, 0.8, 0.0],
    "all rows": lambda i: [0.1, 0.2, 0.3, 0.4 + i],
}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("names", SETS, ids="+".join)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_hook_equals_merge(kind: str, names: list[str], weights: str) -> None:
    torch.manual_seed(1)
    module = LAYERS[kind]()
    every = deltas(module.weight.data)
    found = [every[name] for name in names]
    table = [WEIGHTS[weights](i) for i in range(len(found))]
    x = inputs(kind)
    want = expected(module, found, table, x)
    got = run(module, found, table, x)
    assert (got - want).abs().max() <= 2e-6 * want.abs().max()


@pytest.mark.parametrize("kind", LAYERS)
def test_rows_of_weight_zero_keep_every_bit(kind: str) -> None:
    module = LAYERS[kind]()
    x = inputs(kind)
    with torch.no_grad():
        base = module(x)
    every = list(deltas(module.weight.data).values())
    weights = [[0.0, 1.0, 0.0, 0.5]] * len(every)
    got = run(module, every[:4], weights[:4], x)
    assert torch.equal(got[0], base[0])
    assert torch.equal(got[2], base[2])
    assert not torch.allclose(got[1], base[1])


def test_zero_is_skipped_not_multiplied() -> None:
    module = nn.Linear(4, 4)
    bad = LowRank(torch.full((1, 4), torch.inf), torch.ones(4, 1))
    got = run(module, [bad], [[0.0]], torch.randn(1, 4))
    assert got.isfinite().all()


def test_gradients_flow_around_the_hook() -> None:
    module = nn.Linear(4, 3)
    delta = LowRank(torch.randn(2, 4), torch.randn(3, 2))
    x = torch.randn(5, 4, requires_grad=True)
    with applied(module, [delta], 0.5):
        module(x).sum().backward()
    want = (module.weight + 0.5 * delta.up @ delta.down).sum(0).expand(5, 4)
    assert x.grad is not None
    assert torch.allclose(x.grad, want, atol=1e-6)


class Saturating(nn.Linear):
    """Its backward needs the output that its forward gave."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).tanh()


def test_an_output_that_its_backward_needs_is_left_as_it_was() -> None:
    module = Saturating(4, 3)
    delta = LowRank(torch.randn(2, 4), torch.randn(3, 2))
    x = torch.randn(5, 4, requires_grad=True)
    with applied(module, [delta], 0.5):
        module(x).sum().backward()
    steep = 1 - module(x.detach()).square()
    want = steep @ module.weight + (0.5 * delta.up @ delta.down).sum(0)
    assert x.grad is not None
    assert torch.allclose(x.grad, want, atol=1e-6)


def test_a_batch_nobody_announced_takes_the_first_pictures_weights() -> None:
    module = nn.Linear(4, 3)
    delta = LowRank(torch.randn(2, 4), torch.randn(3, 2))
    x = torch.randn(3, 4)
    with torch.no_grad(), applied(module, [delta], [[1.0, 2.0]]) as on:
        got = module(x)
    want = module(x) + F.linear(F.linear(x, delta.down), delta.up)
    assert torch.allclose(got, want, atol=1e-6)
    assert on.table.mismatches == {(3, 2)}


def test_the_delta_follows_the_outputs_dtype_under_autocast() -> None:
    module = nn.Linear(8, 8)
    delta = LowRank(torch.randn(2, 8), torch.randn(8, 2))
    with torch.autocast("cpu", torch.bfloat16):
        got = run(module, [delta], 1.0, torch.randn(2, 8))
    assert got.dtype == torch.bfloat16


def test_hooks_are_gone_after_an_exception() -> None:
    module = nn.Linear(4, 3)
    x = torch.randn(2, 4)
    base = module(x)
    with pytest.raises(RuntimeError), applied(module, [Dense(torch.randn(3, 4))]):
        module(torch.randn(2, 5))
    assert not module._forward_hooks
    assert torch.equal(module(x), base)
