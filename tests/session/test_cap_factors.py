"""The arithmetic of caps: one factor a step, from what the step before has shown."""

from __future__ import annotations

import math

import pytest
import torch
from live_lora.engine.measuring import CallSums, Measuring, Moment
from live_lora.prompt.bound import Bound
from live_lora.records import Progress, Row
from live_lora.session.caps import AIM, STACK, UPWARDS, Caps, first_factor

LAYERS = [("unet", "a"), ("unet", "b")]
Effects = dict[int, float]  # by network: ‖ΔWx‖/‖Wx‖ of weight 1, orthogonal to each other's


class Sampler:
    """Calls of two layers in which networks have the effects they are told, times weights."""

    def __init__(self, bounds: dict[tuple[int, int], Bound], weights: dict[int, float]) -> None:
        self.measuring = Measuring()
        self.caps, self.weights = Caps(bounds, self.measuring), weights

    def step(self, step: int, effects: Effects, *, hires: bool = False, halves: int = 1) -> None:
        for _ in range(halves):
            self.caps.reached(Progress(step, 20, hires=hires))
            for layer in LAYERS:
                self._call(layer, Moment(hires, step), effects)

    def _call(self, layer: tuple[str, str], moment: Moment, effects: Effects) -> None:
        shares = tuple(
            (one, (m * self.caps.factor(0, one, layer),) * 2) for one, m in self.weights.items()
        )
        line = [1.0]
        for i, one in enumerate(self.weights):
            line += [effects[one] ** 2 if j == i else 0.0 for j in range(i, len(self.weights))]
        rows = (Row(0, "cond"), Row(0, "uncond"))
        sums = torch.tensor([line, line], dtype=torch.float64)
        self.measuring.calls.append(CallSums(layer, (moment,) * 2, rows, shares, sums))

    def factor(self, network: int = 0) -> float:
        return self.caps.factor(0, network, LAYERS[0])


def test_the_factor_is_what_the_step_before_needed() -> None:
    sampler = Sampler({(0, 0): Bound(0.8)}, {0: 2.0})
    sampler.step(0, {0: 0.8})
    assert sampler.factor() == 1.0
    sampler.step(1, {0: 0.8})
    first = first_factor(0.8 / 1.6)
    assert 0.8 * 0.4 < first < 0.5
    assert sampler.factor() == pytest.approx(first, abs=1e-4)
    sampler.step(2, {0: 0.8})  # a second step is better known: closer to the cap
    second = first * (AIM * 0.5 / first) ** UPWARDS
    assert sampler.factor() == pytest.approx(second, abs=2e-4)
    before = sampler.factor()
    sampler.step(3, {0: 0.5})  # the step before was as strong as ever
    assert sampler.factor() == pytest.approx(before * (AIM / 2 / before) ** UPWARDS, abs=1e-4)
    before = sampler.factor()
    sampler.step(4, {0: 0.5})  # it could be 0.788: up with caution
    assert sampler.factor() == pytest.approx(before * (AIM * 0.8 / before) ** UPWARDS, abs=1e-4)
    assert before < sampler.factor() < 0.8 * AIM
    curve = sampler.caps.curves(0, 0)["capped"]
    assert curve.startswith(f"1@0 hold;{math.floor(first * 1e4) / 1e4:g}@1 hold;")
    assert curve.endswith(f";{sampler.factor():.10g}@4 hold")


def test_the_second_step_is_careful() -> None:
    """Nothing is held that is clear of its cap, and the further beyond it, the lower it begins."""
    assert first_factor(1.05) == 1.0
    assert [first_factor(one) / one for one in (1.0, 0.5, 0.1)] == pytest.approx(
        [0.94, 0.76, 0.80], abs=0.01
    )
    factors = [first_factor(one / 50) for one in range(1, 60)]
    assert factors == sorted(factors)


def test_the_other_half_of_a_step_has_the_same_factor() -> None:
    sampler = Sampler({(0, 0): Bound(0.5)}, {0: 1.0})
    sampler.step(0, {0: 1.0}, halves=2)
    sampler.step(1, {0: 1.0}, halves=2)
    assert sampler.factor() == pytest.approx(first_factor(0.5), abs=1e-4)
    assert len(sampler.measuring.calls) == 8


def test_what_rises_is_expected_to_rise_again() -> None:
    sampler = Sampler({(0, 0): Bound(1.0)}, {0: 1.0})
    for step in range(4):
        sampler.step(step, {0: 1.1**step * 2})
    assert sampler.factor() == pytest.approx(AIM / (1.1**3 * 2), rel=1e-3)


def test_two_networks_and_all_together() -> None:
    sampler = Sampler({(0, 1): Bound(0.3), (0, STACK): Bound(0.5)}, {0: 1.0, 1: 1.0})
    sampler.step(0, {0: 0.6, 1: 0.6})
    sampler.step(1, {0: 0.6, 1: 0.6})
    together = first_factor(0.5 / (2 * 0.36) ** 0.5)
    assert sampler.factor(0) == pytest.approx(together, abs=2e-4)
    assert sampler.factor(1) == pytest.approx(together * first_factor(0.5), abs=2e-4)
    assert "capped" in sampler.caps.curves(0, 0)


def test_each_layer_by_itself_is_no_curve() -> None:
    sampler = Sampler({(0, 0): Bound(0.4, each=True)}, {0: 1.0})
    sampler.step(0, {0: 0.8})
    sampler.step(1, {0: 0.8})
    assert sampler.factor() == pytest.approx(first_factor(0.5), abs=1e-4)
    assert sampler.caps.curves(0, 0) == {}


def test_another_pass_begins_anew() -> None:
    sampler = Sampler({(0, 0): Bound(0.5)}, {0: 1.0})
    sampler.step(0, {0: 1.0})
    sampler.step(1, {0: 1.0})
    sampler.step(0, {0: 1.0}, hires=True)
    assert sampler.factor() == 1.0
    sampler.step(1, {0: 1.0}, hires=True)
    assert sampler.factor() == pytest.approx(first_factor(0.5), abs=1e-4)
    assert set(sampler.caps.curves(0, 0)) == {"capped", "hrcapped"}


def test_below_its_cap_nothing_is_recorded() -> None:
    sampler = Sampler({(0, 0): Bound(5.0)}, {0: 1.0})
    for step in range(3):
        sampler.step(step, {0: 1.0})
    assert sampler.factor() == 1.0
    assert sampler.caps.curves(0, 0) == {}
