"""W + Σ m ΔW in a layer's place: what it gives, anew at each step, and the memory it takes."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from algorithms.samples import PAIRS, algorithm, batch, tensors
from algorithms.samples import module as sample_module
from engine_run import applied, run, varying
from folded_model import all_deltas, image, model, spares
from live_lora.algorithms import Settings
from live_lora.deltas import Delta, Layer, LowRank
from live_lora.engine import products
from live_lora.engine.layers import find_sites
from live_lora.records import Progress
from torch import nn

pytestmark = pytest.mark.usefixtures("much_memory")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("weights", [0.7, varying(0.7)], ids=["constant", "varying"])
def test_folded_equals_hooked(dtype: torch.dtype, weights: Any) -> None:
    net, x = model(dtype), image(dtype)
    found = all_deltas(net)
    exact = run(model().double(), found, weights, x.double())
    hooked = run(net, found, weights, x)
    with torch.no_grad(), applied(net, found, weights, executor="folded") as on:
        folded = net(x)
        assert set(on.choice.how.values()) == {"folded"}
        assert all(all(on.ran(path)) for path in found)
        assert not any(module._forward_hooks for module in net.modules())
        assert not any(module._forward_pre_hooks for module in net.modules())
    bound = 1e-5 if dtype == torch.float32 else 6e-2  # one rounding of W in each of five layers
    assert (folded - hooked).abs().max() <= bound * exact.abs().max()
    assert (folded - exact).abs().max() <= bound * exact.abs().max()


@pytest.mark.parametrize(("sample", "layer"), PAIRS)
def test_every_algorithm_folds(sample: str, layer: str) -> None:
    net = nn.Sequential(sample_module(layer))
    host, x = net[0], batch(net[0])
    site = next(iter(find_sites(net)))
    made = algorithm(tensors(sample, tuple(host.weight.shape)), Settings())
    found = {"0": [made.runtime(site.layer(), dtype=torch.float64)]}
    pointers = [one.data_ptr() for one in net.parameters()]
    copies = [one.clone() for one in net.parameters()]
    hooked = run(net, found, 0.7, x)
    with torch.no_grad(), applied(net, found, 0.7, executor="folded") as on:
        folded = net(x)
        mode = set(on.choice.how.values())
    assert mode == ({"folded"} if host.bias is not None or no_bias(found["0"]) else {"hooked"})
    assert (folded - hooked).abs().max() <= 1e-9 * (1 + hooked.abs().max())
    assert [one.data_ptr() for one in net.parameters()] == pointers
    assert all(map(torch.equal, net.parameters(), copies))


def no_bias(found: Sequence[Delta]) -> bool:
    return all(one.bias is None for one in found)


def test_a_curve_is_folded_anew_from_the_original_at_every_step() -> None:
    net, x = model(), image()
    found = all_deltas(net)
    with (
        torch.no_grad(),
        applied(net, found, lambda row, now: now.step / 3, executor="folded") as on,
    ):
        for step in (1, 3, 0, 2):
            on.move(Progress(step, 4))
            got = net(x)
            want = run(model(), found, step / 3, x)
            assert (got - want).abs().max() <= 1e-5 * want.abs().max()
            assert set(on.choice.how.values()) == {"folded"}
        on.move(rows=3)


def test_where_rows_come_to_differ_the_layer_is_hooked_and_then_folded_again() -> None:
    net, x = model(), image()
    found = all_deltas(net)
    originals = [one.data for one in net.parameters()]
    by_row = lambda row, now: 0.5 + row.picture * now.step  # noqa: E731
    with torch.no_grad(), applied(net, found, by_row, rows=2, executor="folded") as on:
        for step in (0, 1, 0):
            on.move(Progress(step, 2))
            got = net(x)
            want = run(model(), found, [[0.5, 0.5 + step]] * 5, x)
            assert (got - want).abs().max() <= 1e-5 * want.abs().max()
            assert (spares(net, originals) > 0) == (step == 0)


@pytest.mark.parametrize("kind", ["blocks", "channels last", "16 bits"])
def test_every_layout_and_size_is_folded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of rows, the last one smaller; in the layer's layout."""
    monkeypatch.setattr(products, "BLOCK", 1000)
    torch.manual_seed(0)
    net, low = nn.Linear(70, 50), LowRank(torch.randn(3, 70), torch.randn(50, 3))
    x = torch.randn(4, 70)
    if kind == "channels last":
        net, x = nn.Conv2d(8, 6, 3).to(memory_format=torch.channels_last), torch.randn(2, 8, 9, 9)
        low = LowRank(torch.randn(3, 8, 3, 3), torch.randn(6, 3))
    if kind == "16 bits":
        net, x = net.half(), x.half()
    want = (
        net.weight.double()
        + 0.7
        * low.delta_weight(
            Layer.of("conv" if x.dim() == 4 else "linear", net.weight, None, nn.Identity())
        ).double()
    )
    before = net.weight.data
    with torch.no_grad(), applied(net, [low], 0.7, executor="folded") as on:
        net(x)
        assert set(on.choice.how.values()) == {"folded"}
        assert net.weight.stride() == before.stride()
        bound = torch.finfo(net.weight.dtype).eps
        assert bool(((net.weight.double() - want).abs() <= bound * want.abs() + 2e-6).all())
        spare = weakref.ref(net.weight.data.untyped_storage())
    assert net.weight.data_ptr() == before.data_ptr()
    assert spare() is None


def test_a_spare_is_written_anew_in_place() -> None:
    """A fold at each step takes no memory at each step, and keeps its address."""
    net, x = model(), image()
    curve = lambda row, now: 0.5 + now.step  # noqa: E731
    with torch.no_grad(), applied(net, all_deltas(net), curve, executor="folded") as on:
        net(x)
        places = [one.data_ptr() for one in net.parameters()]
        on.move(Progress(1, 3))
        net(x)
        assert [one.data_ptr() for one in net.parameters()] == places


def test_spares_are_one_copy_at_most_and_freed_at_the_end() -> None:
    net, x = model(), image()
    originals = [one.data for one in net.parameters()]
    whole = sum(one.nbytes for one in net.parameters())
    with torch.no_grad(), applied(net, all_deltas(net), 0.5, executor="folded") as on:
        assert spares(net, originals) == 0, "before the first call nothing is folded"
        net(x)
        assert 0 < spares(net, originals) <= whole
    assert spares(net, originals) == 0
    assert not any(patch.fold.on for patch in on.patches.values() if patch.fold)
