"""What q, k and v share of one input: a product, its memory, and how long it is held."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

import pytest
import torch
from engine_run import applied
from layer_counts import (
    RANK,
    TOKENS,
    WIDTH,
    Attention,
    Kernels,
    flops,
    inputs,
    low,
    low_rank_flops,
    our_calls,
)
from live_lora.deltas import LowRank
from torch import Tensor, nn


def test_what_several_share_is_freed_when_the_run_ends() -> None:
    """Not by the collector some time later, when the next run has taken as much again."""
    module, x = Attention(), inputs("linear")
    found = {f"to_{name}": [low(), low()] for name in "qkv"}
    gc.collect()
    gc.disable()
    try:
        with torch.no_grad(), applied(module, found, 0.7):
            module(x)
            shared = [
                weakref.ref(one.untyped_storage())
                for one in gc.get_objects()
                if type(one) is Tensor and one.shape == (3 * 2 * RANK, WIDTH)
            ]
            assert shared, "A of all three, twice"
        assert not any(one() for one in shared)
    finally:
        gc.enable()


def test_q_k_and_v_share_the_product_with_their_input() -> None:
    module, x = Attention(), inputs("linear")
    found = {f"to_{name}": [low()] for name in "qkv"}
    for call in range(3):
        with torch.no_grad(), Kernels() as kernels, flops() as bare:
            base = module(x)
        assert len(kernels.seen) == 3
        with torch.no_grad(), applied(module, found, 0.7):
            for _ in range(call):
                module(x)
            with Kernels() as kernels, flops() as patched:
                got = module(x)
            with our_calls() as calls:
                module(x)
            assert len([one for one in kernels.seen if one != "aten.cat"]) == 3 + 4
            assert patched.get_total_flops() - bare.get_total_flops() == low_rank_flops(x, 3)
            assert len(calls) <= (6 if call else 20), calls
        for name, ours, theirs in zip("qkv", got, base, strict=True):
            one = found[f"to_{name}"][0]
            want = theirs + 0.7 * x @ one.down.t() @ one.up.t()
            assert torch.allclose(ours, want, atol=1e-4)


@pytest.mark.parametrize("several", [False, True])
def test_q_k_and_v_of_a_fused_file_have_one_a(several: bool) -> None:
    """The file's A is used as it is: one product of its rank for all three, one copy of it."""
    module, x = Attention(), inputs("linear")
    downs = {object(): torch.randn(RANK, WIDTH) for _ in range(1 + several)}
    found = {
        f"to_{name}": [LowRank(down.clone(), low().up, common=a) for a, down in downs.items()]
        for name in "qkv"
    }
    with torch.no_grad(), flops() as bare:
        base = module(x)
    with torch.no_grad(), applied(module, found, 0.7) as on:
        module(x)
        with Kernels() as kernels, flops() as patched:
            got = module(x)
        with our_calls() as calls:
            module(x)
        group = _group_of(on.patches["to_q"].add)
    assert len(kernels.seen) == 3 + 4
    assert len(calls) == 6
    one = 2 * x.shape[0] * TOKENS * RANK * WIDTH * len(downs)
    assert patched.get_total_flops() - bare.get_total_flops() == one + 3 * one
    assert group.down.shape[0] == RANK * len(downs)
    for name, ours, theirs in zip("qkv", got, base, strict=True):
        change = sum(0.7 * x @ d.down.t() @ d.up.t() for d in found[f"to_{name}"])
        assert torch.allclose(ours, theirs + change, atol=1e-4)


def _group_of(form: Any) -> Any:
    names = form.__code__.co_freevars
    return form.__closure__[names.index("self")].cell_contents


@pytest.mark.parametrize("width", [WIDTH, 12])
def test_k_and_v_share_theirs_where_q_has_another_input(width: int) -> None:
    module, x, context = Attention(width), inputs("linear"), torch.randn(4, 3, width)
    found = {"to_q": [low()], "to_k": [low((width,))], "to_v": [low((width,))]}
    with torch.no_grad():
        base = module(x, context)
        with applied(module, found, 0.7):
            first = module(x, context)
            with Kernels() as kernels:
                got = module(x, context)
            with our_calls() as calls:
                module(x, context)
    assert len(kernels.seen) == 3 + 2 + 3
    assert len(calls) == 6
    for name, now, then, theirs in zip("qkv", got, first, base, strict=True):
        one = found[f"to_{name}"][0]
        seen = x if name == "q" else context
        want = theirs + 0.7 * seen @ one.down.t() @ one.up.t()
        assert torch.allclose(now, want, atol=1e-4)
        assert torch.allclose(then, want, atol=1e-4)


@pytest.mark.parametrize("inference", [True, False])
def test_what_is_shared_is_of_this_very_input(inference: bool) -> None:
    """The same tensor with other values, parts not fetched, a layer called twice."""
    module, x = Attention(), inputs("linear")
    found = {f"to_{name}": [low()] for name in "qkv"}

    def want(name: str, x: Tensor) -> Tensor:
        layer, one = getattr(module, f"to_{name}"), found[f"to_{name}"][0]
        return nn.functional.linear(x, layer.weight + 0.7 * one.up @ one.down, layer.bias)

    mode = torch.inference_mode() if inference else torch.no_grad()
    with mode, applied(module, found, 0.7):
        module(x)
        module.to_q(x)
        assert torch.allclose(module.to_q(x), want("q", x), atol=1e-4)
        if not inference:
            x.mul_(2)
        assert torch.allclose(module.to_k(x), want("k", x), atol=1e-4)
        other = x + 1
        for one in (other, x, other):
            for name, got in zip("qkv", module(one), strict=True):
                assert torch.allclose(got, want(name, one), atol=1e-4)


def test_nothing_of_an_input_is_held_once_all_have_their_part() -> None:
    module, x = Attention(), inputs("linear")
    found = {f"to_{name}": [low()] for name in "qkv"}
    with torch.no_grad(), applied(module, found, 0.7):
        before = sys.getrefcount(x)
        module(x)
        assert sys.getrefcount(x) == before


def test_a_call_that_broke_off_costs_the_sharing_nothing() -> None:
    module, x = Attention(), inputs("linear")
    found = {f"to_{name}": [low()] for name in "qkv"}
    with torch.no_grad(), applied(module, found, 0.7):
        module(x)
        module.to_q(x)  # and no k, no v
        module(x + 1)
        with Kernels() as kernels:
            module(x)
    assert len(kernels.seen) == 3 + 4
