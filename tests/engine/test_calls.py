"""No call of a layer knows anything of another: raised, nested, repeated or on another thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from engine_run import applied, run
from live_lora.deltas import Delta, InputMap, Layer, LowRank
from live_lora.records import Progress
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


@dataclass(slots=True)
class Stretch(InputMap):
    """x → (1 + gain) ∘ x."""

    gain: Tensor

    def shift(self, layer: Layer, x: Tensor) -> Tensor:
        return x * (1 + self.gain)


def deltas(size: int = 4) -> list[Delta]:
    """Both sides of a layer: the input's change, and what must be added on the input before it."""
    torch.manual_seed(3)
    return [Stretch(torch.randn(size)), LowRank(torch.randn(2, size), torch.randn(size, 2))]


def expected(module: nn.Linear, x: Tensor, m: tuple[float, float]) -> Tensor:
    """x (W + Σ m ΔW)ᵀ + b from the formulas of `deltas`."""
    stretch, low = deltas(module.in_features)
    weight = module.weight * (1 + m[0] * stretch.gain) + m[1] * low.up @ low.down
    return nn.functional.linear(x, weight, module.bias).detach()


class Failing(nn.Linear):
    """Raises once, after its input was changed and before there is an output."""

    def __init__(self, error: type[BaseException]) -> None:
        super().__init__(4, 4)
        self.error: type[BaseException] | None = error

    def forward(self, x: Tensor) -> Tensor:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return super().forward(x)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_call_that_raised_leaves_nothing_to_the_next(error: type[BaseException]) -> None:
    module = Failing(error)
    first, second = torch.randn(2, 2, 4)
    fading = [lambda row, progress: 1.0 - progress.step, 0.5]
    with torch.no_grad(), applied(module, deltas(), fading) as on:
        with pytest.raises(error):
            module(first)
        on.move(Progress(1, 2))  # the input map has weight 0 now
        got = module(second)
    assert torch.allclose(got, expected(module, second, (0.0, 0.5)), atol=1e-6)


class Nested(nn.Linear):
    """Calls itself with half its input, as long as there is a level left."""

    levels = 0

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        if self.levels:
            self.levels -= 1
            out = out + self(x / 2)
        return out


def test_a_layer_may_call_itself() -> None:
    module = Nested(4, 4)
    x, m = torch.randn(2, 4), (0.8, 0.5)
    outer = expected(module, x, m)
    inner_input = x * (1 + m[0] * deltas()[0].gain) / 2  # the forward sees the changed input
    module.levels = 1
    got = run(module, deltas(), list(m), x)
    assert torch.allclose(got, outer + expected(module, inner_input, m), atol=1e-5)


def test_a_layer_may_be_called_twice_in_one_forward() -> None:
    layer = nn.Linear(4, 4)
    model = nn.Sequential(layer, layer)
    x, m = torch.randn(2, 4), (0.8, 0.5)
    got = run(model, {"0": deltas()}, list(m), x)
    assert torch.allclose(got, expected(layer, expected(layer, x, m), m), atol=1e-5)


def test_two_runs_on_one_layer_each_know_their_own_input() -> None:
    layer = nn.Linear(4, 4)
    x = torch.randn(2, 4)
    with torch.no_grad(), applied(layer, deltas(), [0.8, 0.5]), applied(layer, deltas(), [0.4, 1]):
        got = layer(x)
    stretch, low = deltas()
    # The second run's base is the first one's layer, as far as the input goes.
    inner = x * (1 + 0.8 * stretch.gain)
    added = 0.5 * low(Layer.of("linear", layer.weight, None, layer), x)
    added = added + low(Layer.of("linear", layer.weight, None, layer), inner)
    want = layer(inner * (1 + 0.4 * stretch.gain)) + added
    assert torch.allclose(got, want, atol=1e-5)


class Meeting(nn.Linear):
    """Both threads are inside the forward at once."""

    def __init__(self) -> None:
        super().__init__(4, 4)
        self.barrier = threading.Barrier(2, timeout=30)

    def forward(self, x: Tensor) -> Tensor:
        self.barrier.wait()
        return super().forward(x)


def test_threads_keep_their_inputs_apart() -> None:
    module = Meeting()
    inputs = torch.randn(2, 3, 4)
    got: dict[int, Tensor] = {}

    def call(i: int) -> None:
        with torch.no_grad():
            got[i] = module(inputs[i])

    with applied(module, deltas(), [0.8, 0.5]):
        threads = [threading.Thread(target=call, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for i in range(2):
        assert torch.allclose(got[i], expected(module, inputs[i], (0.8, 0.5)), atol=1e-6)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointed_calls_have_the_gradients_of_plain_ones(reentrant: bool) -> None:
    layer = nn.Linear(4, 4)
    x = torch.randn(2, 4)

    def gradients(checkpointed: bool) -> Tensor:
        given = x.clone().requires_grad_()
        call = partial(checkpoint, layer, use_reentrant=reentrant) if checkpointed else layer
        with applied(layer, deltas(), [0.8, 0.5]):
            call(given).square().sum().backward()
        assert given.grad is not None
        return given.grad

    assert torch.allclose(gradients(True), gradients(False), atol=1e-6)
