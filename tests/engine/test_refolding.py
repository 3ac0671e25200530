"""A fold made of the one before and the difference: as good as one made anew, to one rounding."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from delta_formulas import deltas
from engine_run import applied, varying
from layer_counts import flops
from live_lora.deltas import Delta, LowRank
from live_lora.engine import choice as choosing
from live_lora.engine import products
from live_lora.engine.products import by_blas
from live_lora.records import Progress
from torch import nn

STEPS = 12


@pytest.fixture(autouse=True)
def much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else this machine does."""
    monkeypatch.setattr(choosing, "free_memory", lambda device: 1 << 40)


def layer(kind: str, dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(0)
    made = nn.Linear(24, 16) if kind == "linear" else nn.Conv2d(24, 16, 3, padding=1)
    return made.to(dtype).requires_grad_(False)


def x_for(module: nn.Module) -> torch.Tensor:
    shape = (2, 24) if isinstance(module, nn.Linear) else (1, 24, 4, 4)
    return torch.randn(shape).to(module.weight.dtype)  # type: ignore[union-attr, arg-type]


def several(module: Any) -> list[Delta]:
    torch.manual_seed(1)
    every = deltas(module.weight.float())
    return [every["low"], every["low again"], every["dense"], every["output"], every["input"]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", ["linear", "conv"])
@pytest.mark.parametrize("moving", range(5))
def test_it_is_within_one_rounding_of_the_sum(kind: str, moving: int, dtype: torch.dtype) -> None:
    module, exact = layer(kind, dtype), layer(kind, dtype).double()
    found, pick = several(module), random.Random(moving)
    curve = [pick.uniform(-1, 1) for _ in range(STEPS)]
    weights: list[Any] = [0.3] * len(found)
    weights[moving] = lambda row, now: curve[now.step]
    before, x = exact.weight.abs(), x_for(module)
    with torch.no_grad(), applied(module, found, weights, executor="folded") as on:
        for step in range(STEPS):
            on.move(Progress(step, STEPS))
            module(x)
            numbers = [curve[step] if i == moving else 0.3 for i in range(len(found))]
            want = exact.weight.clone()
            for delta, m in zip(found, numbers, strict=True):
                wide = delta.to(want.device, torch.float64)
                want += m * wide.delta_weight(on.patches[""].fold._plain(exact.weight))
            # half a unit in the last place each, of this spare and of the one it was made of; the
            # sum itself is one of 32 bits
            bound = torch.finfo(dtype).eps * torch.maximum(want.abs(), before) + 2e-6
            assert bool(((module.weight.double() - want).abs() <= bound).all())
            before = want.abs()
        assert on.patches[""].fold.differences == STEPS // 2  # every second one
    assert torch.equal(module.weight, layer(kind, dtype).weight)
    assert torch.equal(module.bias, layer(kind, dtype).bias)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("error", [None, RuntimeError])
def test_after_200_changes_of_one_weight_the_layer_is_bit_for_bit_itself(
    dtype: torch.dtype, error: type[Exception] | None
) -> None:
    module, fresh = layer("linear", dtype), layer("linear", dtype)
    found, pick = several(module), random.Random(5)
    pointers = [one.data_ptr() for one in module.parameters()]
    numbers = [[0.5] * len(found)]
    for _ in range(200):
        numbers.append([*numbers[-1]])
        numbers[-1][pick.randrange(len(found))] = pick.choice([0.0, pick.uniform(-2, 2)])
    weights: list[Any] = [
        lambda row, now, i=i: numbers[now.step][i] for i in range(len(found))
    ]  # any of them may change at any time
    x = x_for(module)

    def switch() -> None:
        with torch.inference_mode(), applied(module, found, weights, executor="folded") as on:
            for step in range(201):
                on.move(Progress(step, 201))
                module(x)
            assert on.patches[""].fold.differences > 60
            if error is not None:
                raise error

    if error is None:
        switch()
    else:
        with pytest.raises(error):
            switch()
    assert [one.data_ptr() for one in module.parameters()] == pointers
    assert all(map(torch.equal, module.parameters(), fresh.parameters()))
    assert torch.equal(module(x), fresh(x))


def flops_of_a_move(changed: int, ranks: tuple[int, ...] = (4, 8, 16)) -> int:
    module, x = layer("linear"), x_for(layer("linear"))
    lows = [LowRank(torch.randn(r, 24), torch.randn(16, r)) for r in ranks]
    weights: list[Any] = [
        (lambda row, now: 0.5 + now.step) if i < changed else 0.5 for i in range(len(ranks))
    ]
    with torch.no_grad(), applied(module, lows, weights, executor="folded") as on:
        module(x)
        on.move(Progress(1, 3))
        with flops() as counted:
            module(x)
    return int(counted.get_total_flops())


def test_only_what_changed_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "fastest", lambda like: by_blas)  # which torch can count
    own = 2 * 2 * 24 * 16  # the layer's, for two rows
    assert flops_of_a_move(1) == own + 2 * 24 * 16 * 4
    assert flops_of_a_move(2) == own + 2 * 24 * 16 * (4 + 8)
    assert flops_of_a_move(3) == own + 2 * 24 * 16 * (4 + 8 + 16)  # anew


def test_after_a_cast_inside_the_run_it_is_made_anew() -> None:
    module = layer("linear", torch.bfloat16)
    found = several(module)[:2]
    weights: list[Any] = [0.5, lambda row, now: 0.1 + now.step]
    with torch.no_grad(), applied(module, found, weights, executor="folded") as on:
        module(x_for(module))
        module.float()
        on.move(Progress(1, 3))
        module(x_for(module))
        made = module.weight.clone()
    fresh = layer("linear", torch.bfloat16).float()
    with torch.no_grad(), applied(fresh, found, [0.5, varying(1.1)], executor="folded"):
        fresh(x_for(fresh))
        assert torch.equal(fresh.weight, made)


def test_weights_loaded_inside_the_run_are_not_added_to() -> None:
    module, other = layer("linear"), layer("linear")
    other.weight.data = other.weight + 1
    found = several(module)[:2]
    weights: list[Any] = [0.5, lambda row, now: 0.1 + now.step]
    with torch.no_grad(), applied(module, found, weights, executor="folded") as on:
        module(x_for(module))
        module.load_state_dict(other.state_dict())
        on.move(Progress(1, 3))
        module(x_for(module))
        made = module.weight.clone()
    with torch.no_grad(), applied(other, found, [0.5, 1.1], executor="folded"):
        other(x_for(other))
        assert torch.equal(other.weight, made)
