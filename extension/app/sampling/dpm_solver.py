"""DPM-Solver's samplers in λ = −log σ: DPM2, DPM2 a, DPM fast and DPM adaptive (Lu et al. 2022)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from .euler import ancestral, slope
from .questions import AskedModel, Asking, NoiseSource, Sampling

# DPM-Solver-23: tolerances and first step of the paper (appendix C), and the step's controller.
RELATIVE, ABSOLUTE, FIRST_STEP = 0.05, 0.0078, 0.05
ACCEPTED, SLACK, ENDED = 0.81, 1e-8, 1e-5
ERROR_ORDER = 1.5  # how the error grows with the step, where noise is added


def dpm2(model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource) -> Sampling:
    """The slope in the middle of a step, in log σ."""
    for i, (now, after) in enumerate(pairwise(sigmas)):
        x = yield from _midpoint_step(model, x, now, after, i)
    return x


def dpm2_ancestral(model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource) -> Sampling:
    """The same with noise after each step."""
    for i, (now, after) in enumerate(pairwise(sigmas)):
        down, up = ancestral(now, after)
        x = yield from _midpoint_step(model, x, now, down, i)
        if down > 0:
            x = x + noise(now, after) * up
    return x


def _midpoint_step(model: AskedModel, x: Tensor, now: Tensor, after: Tensor, step: int) -> Asking:
    first = slope(x, now, (yield from model(x, now, step)))
    if after == 0:
        return x + first * (after - now)
    middle = (now * after).sqrt()
    guess = x + first * (middle - now)
    second = slope(guess, middle, (yield from model(guess, middle, step)))
    return x + second * (after - now)


def dpm_fast(model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource) -> Sampling:
    """As many calls as steps are asked for: third order steps, the last ones of lower order."""
    calls = len(sigmas) - 1
    count, left = calls // 3 + 1, calls % 3
    orders = [3] * (count - 1) + [left] if left else [3] * (count - 2) + [2, 1]
    end = -sigmas[-2].log()
    times = torch.linspace(float(-sigmas[0].log()), float(end), count + 1)
    asked = 0
    for order, (now, after) in zip(orders, pairwise(times), strict=True):
        target, up = _noised_target(now, after, end)
        step = _SolverStep(model, x, now, target, range(asked, asked + order))
        x = yield from step.taken(order)
        x = x + noise((-now).exp(), (-after).exp()) * up
        asked += order
    return x


def dpm_adaptive(model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource) -> Sampling:
    """Steps as long as orders 2 and 3 agree, whatever number is asked for.

    The error is that of the whole batch: its pictures share their steps.
    """
    begin, end = -sigmas[0].log(), -sigmas[-2].log()
    last, span = len(sigmas) - 2, float(end - begin)
    now, before, length = begin, x, FIRST_STEP
    while now < end - ENDED:
        after = torch.minimum(end, now + length)
        target, up = _noised_target(now, after, end)
        place = round(float(now - begin) / span * last)
        step = _SolverStep(model, x, now, target, [place] * 3)
        higher = yield from step.taken(3)
        lower = step.second(1 / 3)
        allowed = (RELATIVE * torch.maximum(lower.abs(), before.abs())).clamp(min=ABSOLUTE)
        error = float(((lower - higher) / allowed).square().mean().sqrt())
        factor = 1 + math.atan((error + SLACK) ** (-1 / ERROR_ORDER) - 1)
        if factor >= ACCEPTED:
            x, before, now = higher + noise((-now).exp(), (-after).exp()) * up, lower, after
        length *= factor
    return x


def _noised_target(now: Tensor, after: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """λ to step down to, and the noise that leads back up to λ `after`."""
    down, _ = ancestral((-now).exp(), (-after).exp())
    target = torch.minimum(end, -down.log())
    return target, ((-2 * after).exp() - (-2 * target).exp()).clamp(min=0).sqrt()


class _SolverStep:
    """x at λ `now` to λ `after`: the formulas of DPM-Solver-1, -2 and -3, which share their calls.

    `places` are the steps' numbers of the calls.
    """

    def __init__(
        self, model: AskedModel, x: Tensor, now: Tensor, after: Tensor, places: Sequence[int]
    ) -> None:
        self.model, self.x, self.now, self.places = model, x, now, places
        self.h = after - now
        self.scale = (-after).exp()
        self.noise: list[Tensor] = []  # ε of the calls so far

    def taken(self, order: int) -> Asking:
        """The latents at the end, of order 1, 2 or 3."""
        yield from self._ask(self.x, 0.0)
        if order == 1:
            return self.x - self.scale * self.h.expm1() * self.noise[0]
        first = 1 / 2 if order == 2 else 1 / 3
        yield from self._ask(self._between(first, 0.0), first)
        if order == 2:
            return self.second(first)
        share = 2 / 3
        yield from self._ask(self._between(share, share / first), share)
        slope_part = (self.h.expm1() / self.h - 1) / share
        change = self.h.expm1() * self.noise[0] + slope_part * (self.noise[2] - self.noise[0])
        return self.x - self.scale * change

    def second(self, share: float) -> Tensor:
        """By the calls at the beginning and at this share of the step."""
        change = self.noise[0] + (self.noise[1] - self.noise[0]) / (2 * share)
        return self.x - self.scale * self.h.expm1() * change

    def _between(self, share: float, ratio: float) -> Tensor:
        """The latents at a share of the step; with `ratio`, by the second call as well."""
        part = share * self.h
        change = part.expm1() * self.noise[0]
        if ratio:
            change = change + ratio * (part.expm1() / part - 1) * (self.noise[1] - self.noise[0])
        return self.x - (-self.now - part).exp() * change

    def _ask(self, x: Tensor, share: float) -> Asking:
        sigma = (-self.now - share * self.h).exp()
        found = yield from self.model(x, sigma, self.places[len(self.noise)])
        self.noise.append(slope(x, sigma, found))
        return found
