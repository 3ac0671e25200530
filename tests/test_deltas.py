"""The contract itself: what a delta answers, what it holds, how it is moved."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from delta_formulas import core, deltas, merged
from engine_run import layer_of
from live_lora.deltas import Delta, Layer, LowRank, along
from torch import Tensor, nn

CPU = torch.device("cpu")
LINEAR = list(deltas(torch.zeros(1, 1)))


def check(module: nn.Module, delta: Delta, x: Tensor) -> None:
    """D(x, Wx) = (W' − W) x."""
    layer = layer_of(module)
    wx = layer.base(x)
    want = layer.apply(x, merged(delta, module.weight) - module.weight)
    assert torch.allclose(delta(layer, x, wx), want)


@pytest.mark.parametrize("name", LINEAR)
def test_a_delta_is_the_change_of_the_output(name: str) -> None:
    for module, x in (
        (nn.Linear(6, 5), torch.randn(4, 7, 6)),
        (nn.Conv2d(6, 5, 3, stride=2, padding=1), torch.randn(4, 6, 8, 8)),
        (nn.Conv2d(6, 5, (1, 3), padding=(0, 1)), torch.randn(4, 6, 8, 8)),
    ):
        module.double().requires_grad_(False)
        delta = deltas(module.weight)[name].to(CPU, torch.float64)
        check(module, delta, x.double())


@pytest.mark.parametrize("inside", [False, True])
def test_a_core_stands_between_the_factors(inside: bool) -> None:
    conv = nn.Conv2d(6, 5, 3, stride=2, padding=1).double().requires_grad_(False)
    delta: Delta = core(conv.weight)
    if inside:
        changed = deltas(conv.weight)["input"]
        changed.inner, delta = delta, changed
    check(conv, delta.to(CPU, torch.float64), torch.randn(2, 6, 8, 8).double())


@pytest.mark.parametrize(
    ("channel_dim", "shape", "wanted"),
    [
        (-1, (2, 3, 4), (4,)),
        (-1, (4,), (4,)),
        (-3, (2, 4, 5, 6), (4, 1, 1)),
        (-3, (4, 5, 6), (4, 1, 1)),
        (1, (2, 4, 5, 6), (4, 1, 1)),
        (1, (2, 4, 5), (4, 1)),
        (1, (2, 4), (4,)),
    ],
)
def test_a_vector_lies_along_the_channels(
    channel_dim: int, shape: tuple[int, ...], wanted: tuple[int, ...]
) -> None:
    assert along(torch.arange(4), torch.zeros(shape), channel_dim).shape == wanted


@dataclass(slots=True)
class Gather(Delta):
    """Holds all that a delta may hold."""

    inner: Delta
    places: Tensor
    parts: tuple[Tensor, ...]
    order: int = 3


def gather() -> Gather:
    low = LowRank(torch.ones(2, 4), torch.ones(3, 2))
    places = torch.arange(3, dtype=torch.int32)
    return Gather(low, places, (torch.ones(5), places), bias=torch.ones(3), from_base=True)


def test_what_it_holds_is_counted_wherever_it_is() -> None:
    assert sorted(tensor.numel() for tensor in gather().tensors()) == [3, 3, 3, 5, 6, 8]


def test_all_of_it_is_moved_but_integers_stay_integers() -> None:
    moved = gather().to(CPU, torch.float16)
    assert isinstance(moved, Gather)
    assert isinstance(moved.inner, LowRank)
    half, small = torch.float16, torch.int32
    assert {t.dtype for t in (moved.inner.up, moved.inner.down, moved.bias)} == {half}
    assert [t.dtype for t in (moved.places, *moved.parts)] == [small, half, small]
    assert (moved.order, moved.from_base) == (3, True)
    assert moved.to(CPU, torch.float16) is moved


def test_a_layer_of_a_plain_tensor() -> None:
    weight = torch.randn(5, 6, 3, 3, dtype=torch.float16)
    layer = Layer.of("conv", weight, None, nn.Identity(), padding=(1, 1))
    assert (layer.shape, layer.dtype, layer.device) == ((5, 6, 3, 3), torch.float16, CPU)
    assert layer.weight is weight
    assert (layer.channel_dim, layer.padding, layer.groups) == (-3, (1, 1), 1)
    assert Layer.of("linear", weight[:, :, 0, 0], None, nn.Identity()).channel_dim == -1
