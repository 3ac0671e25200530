"""Laws that hold for every algorithm on every layer, through the engine's own hooks."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from algorithms.samples import PAIRS, algorithm, batch, merged, module, tensors
from engine_run import Weight, layer_of, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_lora.algorithms import Algorithm
from torch import Tensor, nn

FILES = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn)
LAW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
weights = st.floats(-2, 2, allow_nan=False).filter(lambda m: abs(m) > 1e-3)


@dataclass(slots=True)
class Case:
    """A layer, an input, and one or several networks with their weights."""

    host: nn.Module
    x: Tensor
    networks: list[Algorithm]
    weights: list[float]

    def run(self, order: Sequence[int], scales: Sequence[float], x: Tensor | None = None) -> Tensor:
        """The layer's output with these networks on it, in this order."""
        return self.run_by_row(order, scales, self.x if x is None else x)

    def run_by_row(self, order: Sequence[int], weights: Sequence[Weight], x: Tensor) -> Tensor:
        """The same, where a weight may also be one number for each row."""
        layer, dtype = layer_of(self.host), self.host.weight.dtype
        deltas = [self.networks[i].runtime(layer, dtype=dtype) for i in order]
        return run(self.host, deltas, weights, x)

    def largest(self) -> float:
        """The largest change of the output by any of the networks at weight 1."""
        base = self.host(self.x)
        changes = [self.run([i], [1.0]) - base for i in range(len(self.networks))]
        return max(float(change.abs().max()) for change in changes)


@st.composite
def cases(draw: st.DrawFn, networks: int = 1, dtype: torch.dtype = torch.float64) -> Case:
    """Random algorithms of random ranks and file dtypes on one random layer."""
    _, layer = draw(st.sampled_from(PAIRS))
    samples = [sample for sample, other in PAIRS if other == layer]
    seed = draw(st.integers(0, 1000))
    host = module(layer, seed).to(dtype)
    made = []
    for _ in range(networks):
        sample, rank = draw(st.sampled_from(samples)), draw(st.integers(1, 4))
        numbers = tensors(sample, tuple(host.weight.shape), rank, draw(st.integers(0, 1000)))
        made.append(algorithm(stored(numbers, draw(st.sampled_from(FILES)))))
    scales = [draw(weights) for _ in range(networks)]
    return Case(host, batch(host, 3).to(dtype), made, scales)


def stored(numbers: dict[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """As a file in this dtype holds them."""
    return {slot: t.to(dtype) if t.is_floating_point() else t for slot, t in numbers.items()}


def close(got: Tensor, want: Tensor, scale: float) -> bool:
    """Within 1e-6 of the largest change."""
    return float((got - want).abs().max()) <= 1e-6 * scale


@given(cases())
@LAW
def test_the_hook_equals_the_merge(case: Case) -> None:
    made, m = case.networks[0], case.weights[0]
    want = merged(case.host, made, layer_of(case.host), m)(case.x)
    assert close(case.run([0], [m]), want, case.largest())


@given(cases(dtype=torch.float32))
@LAW
def test_float32_is_within_rounding_of_the_merge_in_float64(case: Case) -> None:
    made, m = case.networks[0], case.weights[0]
    exact = copy.deepcopy(case.host).double()
    want = merged(exact, made, layer_of(exact), m)(case.x.double())
    error = (case.run([0], [m]).double() - want).abs().max()
    assert error <= 2e-6 * (case.largest() + float(want.abs().max()))


@given(cases(networks=2))
@LAW
def test_weight_0_is_the_base_bit_for_bit(case: Case) -> None:
    assert torch.equal(case.run([0, 1], [0.0, 0.0]), case.host(case.x))


@given(cases())
@LAW
def test_opposite_weights_cancel(case: Case) -> None:
    m = case.weights[0]
    assert close(case.run([0, 0], [m, -m]), case.host(case.x), case.largest())


@given(cases(networks=3), st.permutations(range(3)))
@LAW
def test_the_order_of_networks_never_matters(case: Case, order: list[int]) -> None:
    want = case.run(range(3), case.weights)
    got = case.run(order, [case.weights[i] for i in order])
    assert close(got, want, case.largest())


@given(cases(networks=2))
@LAW
def test_networks_add_up_relative_to_the_original(case: Case) -> None:
    base = case.host(case.x)
    want = base.clone()
    for i, m in enumerate(case.weights):
        want += case.run([i], [m]) - base
    assert close(case.run([0, 1], case.weights), want, case.largest())


@given(cases(networks=2))
@LAW
def test_a_batch_equals_its_chunks(case: Case) -> None:
    whole = case.run([0, 1], case.weights)
    chunks = [case.run([0, 1], case.weights, part) for part in case.x.split(1)]
    assert close(torch.cat(chunks), whole, case.largest())


@given(cases(networks=2), st.lists(weights, min_size=3, max_size=3))
@LAW
def test_rows_have_their_own_weights(case: Case, rows: list[float]) -> None:
    got = case.run_by_row([0, 1], [rows, rows], case.x)
    for i, m in enumerate(rows):
        assert close(got[i : i + 1], case.run([0, 1], [m, m], case.x[i : i + 1]), case.largest())
