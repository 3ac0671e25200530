"""UniPC: a predictor and a corrector of the third order on timesteps (Zhao et al. 2023).

Its multistep form for data prediction with B(h) = h ("bh1"), on even timesteps, which may lie
between those of training: there log ᾱ is linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import exp, expm1, factorial, log, sqrt

import torch
from torch import Tensor

from .noise_levels import NoiseLevels
from .questions import AskedModel, NoiseSource, Sampling

ORDER = 3
Known = list[tuple[float, Tensor]]  # λ and x₀ of the calls so far, the newest first


def unipc(model: AskedModel, x: Tensor, timesteps: Tensor, noise: NoiseSource) -> Sampling:
    """Each call is the corrector's, at the predictor's guess; the last step only predicts."""
    steps = len(timesteps) - 1
    order = min(ORDER, steps)
    places = [_Place(model.levels, one) for one in timesteps]
    known: Known = []
    for i, (now, after) in enumerate(pairwise(places)):
        if not known:
            found = now.picture(x, (yield from model(x, now.timestep, i)))
            known = [(now.log_ratio, found)]
        wanted = i + 1 if i + 1 < order else min(order, steps - i)
        guess = _stepped(x, now, after, known[:wanted])
        if i + 1 == steps:
            return guess
        found = after.picture(guess, (yield from model(guess, after.timestep, i + 1)))
        x = _stepped(x, now, after, known[:wanted], found)
        known = [(after.log_ratio, found), *known[: order - 1]]
    return x


class _Place:
    """One timestep: α, σ and λ = log α − log σ there."""

    def __init__(self, levels: NoiseLevels, timestep: Tensor) -> None:
        self.timestep = timestep
        logs = levels.alphas.double().log()
        place = timestep.double().clamp(0, len(logs) - 1)
        low = int(place.floor().clamp(max=len(logs) - 2))
        log_alpha = float(logs[low].lerp(logs[low + 1], place - low)) / 2
        self.alpha = exp(log_alpha)
        self.sigma: float = sqrt(-expm1(2 * log_alpha))
        self.log_ratio = log_alpha - log(self.sigma)

    def picture(self, x: Tensor, noise: Tensor) -> Tensor:
        return (x - self.sigma * noise) / self.alpha


def _stepped(
    x: Tensor, now: _Place, after: _Place, known: Known, found: Tensor | None = None
) -> Tensor:
    """x at the next place; `found`, x₀ of a call there, corrects it."""
    h = now.log_ratio - after.log_ratio  # negative, as the formulas for data prediction have it
    (_, newest), *older = known
    ratios = [(log - now.log_ratio) / -h for log, _ in older]
    changes = [(one - newest) / ratio for (_, one), ratio in zip(older, ratios, strict=True)]
    if found is not None:
        ratios, changes = [*ratios, 1.0], [*changes, found - newest]
    mean = torch.zeros_like(x)
    for weight, change in zip(_weights(ratios, h), changes, strict=True):
        mean = mean + weight * change
    return after.sigma / now.sigma * x - after.alpha * (expm1(h) * newest + h * mean)


def _weights(ratios: Sequence[float], h: float) -> list[float]:
    """ρ of the paper's equation R ρ = b; for one difference it takes 1/2."""
    count = len(ratios)
    if count < 2:
        return [0.5] * count
    rows = [[ratio**power for ratio in ratios] for power in range(count)]
    phi, right = expm1(h) / h - 1, []
    for power in range(1, count + 1):
        right.append(phi * factorial(power) / h)
        phi = phi / h - 1 / factorial(power + 1)
    matrix = torch.tensor(rows, dtype=torch.float64)
    solved: list[float] = torch.linalg.solve(
        matrix, torch.tensor(right, dtype=torch.float64)
    ).tolist()
    return solved
