"""Observers are told, per layer and row, what each network is about to add; others pay nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product

import pytest
import torch
from delta_formulas import Scale, core, deltas, merged
from distances import distance
from engine_run import Applied, Weight, patches_of, varying
from layer_counts import Attention, Kernels, our_calls
from live_lora.deltas import Delta, LowRank
from live_lora.engine.hooks import hooked
from live_lora.engine.layer_patch import LayerPatch
from live_lora.engine.observing import LayerCall, ObservedPatch
from live_lora.records import Progress
from torch import Tensor, nn

ROWS = 4
LAYERS = {
    "linear": (lambda: nn.Linear(6, 5), (ROWS, 7, 6)),
    "conv": (lambda: nn.Conv2d(6, 5, 3, stride=2, padding=1), (ROWS, 6, 8, 8)),
}


class Memory:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.calls: list[LayerCall] = []

    def called(self, call: LayerCall) -> None:
        assert not torch.is_grad_enabled()
        _ = call.wx, call.shares  # they read the layer's output, which is changed in place next
        call.out, call.wx = call.out.clone(), call.wx.clone()
        self.calls.append(call)


@contextmanager
def observed(
    module: nn.Module, found: dict[str, Sequence[Delta]], weights: Sequence[Weight]
) -> Iterator[tuple[Applied, Memory]]:
    """The deltas are on and a memory is told of each call."""
    memory, made = Memory(), patches_of(module, found, weights, ROWS)
    patches = [
        ObservedPatch(patch, ("unet", path), [memory]) for path, patch in made.patches.items()
    ]
    with torch.no_grad(), hooked(patches):
        yield made, memory


def without_bias(module: nn.Module, weight: Tensor, x: Tensor) -> Tensor:
    if isinstance(module, nn.Conv2d):
        return nn.functional.conv2d(x, weight, None, module.stride, module.padding)
    return nn.functional.linear(x, weight)


DELTAS = ["low", "dense", "output", "input", "input again"]


@pytest.mark.parametrize(("kind", "name"), [*product(LAYERS, DELTAS), ("conv", "core")])
def test_a_share_is_the_change_by_formula(kind: str, name: str) -> None:
    make, shape = LAYERS[kind]
    module, x = make(), torch.randn(shape)
    every = deltas(module.weight.data)
    delta = core(module.weight.data) if name == "core" else every[name]
    weights = [[0.5, 0.0, -1.0, 0.25], 1.0]
    with observed(module, {"": [delta, every["low again"]]}, weights) as (made, memory):
        module(x)
        made.move(Progress(1, 2))
        module(x)
    (call, _), change = memory.calls, merged(delta, module.weight.data) - module.weight.data
    want = without_bias(module, change, x)
    share, other = call.shares
    assert distance(share.change(call.layer), want) < 1e-5
    assert (share.up is not None) == (name in ("low", "core"))
    assert share.weights == (0.5, 0.0, -1.0, 0.25)
    assert other.weights == (1.0,) * ROWS
    assert torch.allclose(call.wx, without_bias(module, module.weight.data, x), atol=1e-5)
    assert call.x is x
    assert call.target == ("unet", "")
    assert [row.picture for row in call.rows] == [*range(ROWS)]
    assert [p.step for c in memory.calls for p in c.progress] == [0] * ROWS + [1] * ROWS


@pytest.mark.parametrize("affine", [nn.LayerNorm(6), nn.GroupNorm(2, 6)], ids=lambda n: repr(n)[:9])
def test_norms(affine: nn.Module) -> None:
    nn.init.normal_(affine.weight), nn.init.normal_(affine.bias)  # type: ignore[arg-type]
    v, x = torch.randn(6), torch.randn(ROWS, 6, 6)
    norm = type(affine)(*([6] if isinstance(affine, nn.LayerNorm) else [2, 6]))
    with torch.no_grad():
        plain = affine(torch.zeros(ROWS, 6, 6))  # the bias alone
        want = affine(x) - plain
        normalised = norm(x)
    with observed(affine, {"": [Scale(v)]}, [0.5]) as (_, memory):
        affine(x)
    (call,) = memory.calls
    assert torch.allclose(call.wx, want, atol=1e-5)
    (share,) = call.shares
    assert torch.allclose(share.values, normalised * call.layer.along(v, x), atol=1e-5)


@pytest.mark.parametrize("weights", [[0.7, -0.3], [varying(0.7), 0.5], [[0.5, 0, 0, 1], 0.2]])
def test_the_output_is_the_same_to_the_bit(weights: list[Weight]) -> None:
    torch.manual_seed(2)
    module, x = Attention(), torch.randn(ROWS, 6, 16)
    found = {
        name: [LowRank(torch.randn(4, 16), torch.randn(16, 4)) for _ in weights]
        for name in ("to_q", "to_k", "to_v")
    }
    with torch.no_grad(), hooked(patches_of(module, found, weights, ROWS).patches.values()):
        plain = [*module(x), *module(x)]
    with observed(module, found, weights) as (made, memory):
        seen = [*module(x), *module(x)]
    assert all(torch.equal(a, b) for a, b in zip(plain, seen, strict=True))
    assert [call.target[1] for call in memory.calls] == ["to_q", "to_k", "to_v"] * 2
    assert all(any(made.ran(name)) for name in found)


def test_weights_of_zero_are_no_shares_and_a_layer_without_any_is_not_told() -> None:
    module, x = nn.Linear(6, 5), torch.randn(ROWS, 7, 6)
    every = deltas(module.weight.data)
    fading = [varying(0.0), lambda row, progress: 1.0 - progress.step]
    with observed(module, {"": [every["low"], every["dense"]]}, fading) as (made, memory):
        module(x)
        made.move(Progress(1, 2))
        module(x)
    (call,) = memory.calls
    assert [share.weights for share in call.shares] == [(1.0,) * ROWS]


def test_attention_inside_a_module_is_told() -> None:
    module = nn.MultiheadAttention(8, 2, batch_first=True)
    x = torch.randn(ROWS, 5, 8)
    low = LowRank(torch.randn(2, 8), torch.randn(8, 2))
    with observed(module, {"q_proj": [low], "out_proj": [low]}, [0.5]) as (_, memory):
        module(x, x, x)
    assert [call.target[1] for call in memory.calls] == ["q_proj", "out_proj"]
    (share,) = memory.calls[0].shares
    assert torch.allclose(share.values, x @ low.down.T, atol=1e-6)


def test_rows_cut_into_tiles_are_known() -> None:
    module = nn.Linear(6, 5)
    found = deltas(module.weight.data)
    with observed(module, {"": [found["low"]]}, [[1.0, 2.0, 3.0, 4.0]]) as (_, memory):
        module(torch.randn(2 * ROWS, 7, 6))
    assert [row.picture for row in memory.calls[0].rows] == [0, 1, 2, 3] * 2
    assert memory.calls[0].shares[0].weights == (1.0, 2.0, 3.0, 4.0) * 2


def test_nothing_of_it_is_in_a_run_without_observers() -> None:
    """The same forms, kernels and Python calls as before there were any; counted beside them."""
    module, x = Attention(), torch.randn(ROWS, 6, 16)
    found = {
        name: [LowRank(torch.randn(4, 16), torch.randn(16, 4))] for name in ("to_q", "to_k", "to_v")
    }
    made = patches_of(module, found, [0.7], ROWS)
    with torch.no_grad(), hooked(made.patches.values()):
        module(x)
        with Kernels() as kernels, our_calls() as calls:
            module(x)
        forms = [made.patches[name].add for name in found]
        hooks = [one.args[0] for m in module.children() for one in m._forward_hooks.values()]
    assert len(kernels.seen) == 3 + 4
    assert len(calls) == 6
    assert all(form.__module__ == "live_lora.engine.shared_input" for form in forms)
    assert [type(hook) for hook in hooks] == [LayerPatch] * 3
