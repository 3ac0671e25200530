"""Under a mask a layer's change counts in its places: every algorithm on every kind of layer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from algorithms import samples
from engine_run import Weight, column
from layer_counts import RANK, TOKENS, WIDTH, Attention, Kernels, inputs, low
from live_lora.deltas import Delta, LowRank
from live_lora.engine.cached_delta import CachedDelta
from live_lora.engine.hooks import hooked
from live_lora.engine.layer_patch import LayerPatch
from live_lora.engine.layers import find_sites
from live_lora.engine.mask import WHOLE, Mask
from live_lora.engine.places import Places
from live_lora.engine.shared_input import find_siblings
from live_lora.engine.shown_part import Shown
from live_lora.engine.terms import Term
from live_lora.engine.weight_table import WeightTable
from live_lora.records import Progress, Row
from torch import Tensor, nn

LEFT = Mask.of_box((0.0, 0.0, 0.5, 1.0))
MOST = Mask.of_box((0.1, 0.0, 1.0, 0.7), soft=0.2)
SIZE = (5, 4)  # of the pictures in samples.batch


def delta_of(host: nn.Module, sample: str, seed: int = 0) -> Delta:
    layer = samples.site_of(host).layer()
    made = samples.algorithm(samples.tensors(sample, layer.shape, seed=seed))
    return made.runtime(layer, dtype=torch.float64, device=layer.device)


def run(host: nn.Module, parts: list[tuple[Delta, Weight, Mask | None]], x: Tensor) -> Tensor:
    """The layer's output with these deltas, in a picture of SIZE."""
    module = nn.ModuleList([host])
    site = next(iter(find_sites(module)))
    table = WeightTable([column(weight) for _, weight, _ in parts])
    table.move(rows=[Row(i) for i in range(len(x))])
    terms = [Term(CachedDelta(d), i, mask=mask) for i, (d, _, mask) in enumerate(parts)]
    places = Places()
    places.show(size_of(x), WHOLE)
    with torch.no_grad(), hooked([LayerPatch(site, terms, table, places)]):
        return host(x)  # type: ignore[no-any-return]


def size_of(x: Tensor) -> tuple[int, int]:
    """Tokens stand in one row."""
    return (x.shape[-2], x.shape[-1]) if x.dim() == 4 else (1, x.shape[1])


def over(mask: Mask | None, out: Tensor, x: Tensor) -> Any:
    """The mask so that it broadcasts over the layer's output."""
    if mask is None:
        return 1.0
    picture = Shown(*size_of(x))
    if out.dim() == 4:
        return picture.averaged(mask, *out.shape[2:])
    return picture.averaged(mask, 1, out.shape[1]).T


@pytest.mark.parametrize(("sample", "layer"), samples.PAIRS)
def test_the_mask_multiplies_the_change(sample: str, layer: str) -> None:
    """Two networks, one of them everywhere; relative to the layer's own output both."""
    host = samples.module(layer)
    x = samples.batch(host)
    one, two = (delta_of(host, sample, seed) for seed in (0, 1))
    with torch.no_grad():
        base = host(x)
    changes = [run(host, [(one, 0.3, None)], x) - base, run(host, [(two, 0.5, None)], x) - base]
    for masks in ((LEFT, None), (LEFT, MOST), (MOST, MOST)):
        got = run(host, [(one, 0.3, masks[0]), (two, 0.5, masks[1])], x)
        want = base + sum(
            over(mask, base, x) * change for mask, change in zip(masks, changes, strict=True)
        )
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize("common", [False, True])
@pytest.mark.parametrize("masks", [(LEFT, MOST, LEFT), (LEFT, None, MOST)])
def test_q_k_and_v_share_the_product_with_their_input(
    masks: tuple[Mask | None, ...], common: bool
) -> None:
    """A x once for the three; the masks are on their parts of it."""
    net, x = Attention(), inputs("linear", rows=2)
    down, whole = torch.randn(RANK, WIDTH), object()
    found = [LowRank(down, low().up, common=whole) if common else low() for _ in "qkv"]
    table, places = WeightTable([column(0.7)]), Places()
    places.show((1, TOKENS), WHOLE)
    patches = [
        LayerPatch(site, [Term(CachedDelta(one), 0, mask=mask)], table, places)
        for site, one, mask in zip(find_sites(net), found, masks, strict=True)
    ]
    find_siblings(patches)
    with torch.no_grad():
        base = net(x)
        with hooked(patches):
            net(x)
            with Kernels() as kernels:
                got = net(x)
    masked = sum(mask is not None for mask in masks)
    assert len(kernels.seen) == 3 + 1 + 3 + masked  # the layers, A x, the masks, each its B
    for out, before, one, mask in zip(got, base, found, masks, strict=True):
        change = 0.7 * x @ one.down.t() @ one.up.t()
        torch.testing.assert_close(
            out, (before + over(mask, out, x) * change).float(), atol=1e-4, rtol=1e-4
        )


@pytest.mark.parametrize("layer", ["linear", "conv 3x3", "conv of stride 2", "group norm"])
@pytest.mark.parametrize("weights", [(0.3, 0.7), (0.0, 0.7)])
def test_rows_have_their_own_weights(layer: str, weights: tuple[float, float]) -> None:
    host = samples.module(layer)
    x = samples.batch(host)
    delta = delta_of(host, "full" if "norm" in layer else "lora")
    got = run(host, [(delta, weights, LEFT)], x)
    for row, weight in enumerate(weights):
        want = run(host, [(delta, weight, LEFT)], x[row : row + 1])
        torch.testing.assert_close(got[row : row + 1], want)


@pytest.mark.parametrize("layer", ["linear", "conv 3x3"])
@pytest.mark.parametrize("count", [1, 2])
def test_weights_that_vary_are_read_at_every_call(layer: str, count: int) -> None:
    host = samples.module(layer)
    x = samples.batch(host)
    site = next(iter(find_sites(nn.ModuleList([host]))))
    deltas = [delta_of(host, "lora", seed) for seed in range(count)]
    with torch.no_grad():
        base = host(x)
    changes = sum(samples.add(site.layer(), delta, x, 1.0) for delta in deltas)
    table = WeightTable([column(lambda row, progress: progress.step / 4) for _ in deltas])
    table.move(Progress(1, 9), [Row(0), Row(0)])
    terms = [Term(CachedDelta(delta), i, mask=LEFT) for i, delta in enumerate(deltas)]
    places = Places()
    places.show(size_of(x), WHOLE)
    with torch.no_grad(), hooked([LayerPatch(site, terms, table, places)]):
        for step in (1, 3, 2):
            table.move(Progress(step, 9))
            torch.testing.assert_close(host(x), base + step / 4 * over(LEFT, base, x) * changes)


def test_a_layer_without_places_gets_the_mask_s_mean() -> None:
    """The time embedding is one vector for the whole picture."""
    host = samples.module("linear")
    x = torch.randn(2, 24, dtype=torch.float64)
    delta = delta_of(host, "lora")
    site = next(iter(find_sites(nn.ModuleList([host]))))
    table = WeightTable([column(0.8)])
    places = Places()
    places.show(SIZE, WHOLE)
    term = Term(CachedDelta(delta), 0, mask=Mask.of_box((0.0, 0.0, 0.25, 1.0)))
    with torch.no_grad(), hooked([LayerPatch(site, [term], table, places)]):
        got = host(x)
    assert places.misfits == set()
    with torch.no_grad():
        base = host(x)
    want = base + samples.add(samples.site_of(host).layer(), delta, x, 0.2)
    torch.testing.assert_close(got, want)
