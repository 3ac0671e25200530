"""Samplers of one slope: Euler, Euler a, Heun, LMS, Restart, and LCM."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from .questions import AskedModel, Asking, NoiseSource, Sampling
from .schedule_types import karras_between

MOST_SLOPES = 4  # of linear multistep
# Xu et al. 2023, "Restart Sampling": back from σ 0.1 to 2, with the webui's numbers of steps.
RESTART_LOW, RESTART_HIGH = 0.1, 2.0
RESTART_STEPS, RESTARTED_FROM, RESTARTED_TWICE_FROM = 9, 20, 36


def euler(model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource) -> Sampling:
    """One step of the ODE's slope (Karras et al. 2022, algorithm 2 without churn)."""
    for i, (now, after) in enumerate(pairwise(sigmas)):
        x = x + slope(x, now, (yield from model(x, now, i))) * (after - now)
    return x


def euler_ancestral(model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource) -> Sampling:
    """A step further down than asked for, and noise up to there."""
    for i, (now, after) in enumerate(pairwise(sigmas)):
        down, up = ancestral(now, after)
        x = x + slope(x, now, (yield from model(x, now, i))) * (down - now)
        if after > 0:
            x = x + noise(now, after) * up
    return x


def heun(model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource) -> Sampling:
    """The mean of the slopes at both ends of a step (Karras et al. 2022, algorithm 1)."""
    for i, (now, after) in enumerate(pairwise(sigmas)):
        x = yield from _heun_step(model, x, now, after, i)
    return x


def restart(model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource) -> Sampling:
    """Heun's steps; near the end noise is added, and the last stretch gone through again."""
    last: Tensor | None = None
    for i, (now, after) in enumerate(_restarted(sigmas)):
        if last is not None and now > last:
            x = x + noise(now, last) * (now**2 - last**2).sqrt()
        x = yield from _heun_step(model, x, now, after, i)
        last = after
    return x


def lms(model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource) -> Sampling:
    """Adams-Bashforth of up to four slopes, on uneven steps."""
    slopes: deque[Tensor] = deque(maxlen=MOST_SLOPES)  # the newest first
    levels = sigmas.double().tolist()
    for i, now in enumerate(sigmas[:-1]):
        slopes.appendleft(slope(x, now, (yield from model(x, now, i))))
        known = [levels[i - back] for back in range(len(slopes))]
        for place, one in enumerate(slopes):
            x = x + one * _lagrange_integral(known, place, levels[i], levels[i + 1])
    return x


def lcm(model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource) -> Sampling:
    """Straight to the picture, and noise of the next level on it (Luo et al. 2023)."""
    for i, (now, after) in enumerate(pairwise(sigmas)):
        x = yield from model(x, now, i)
        if after > 0:
            x = x + noise(now, after) * after
    return x


def slope(x: Tensor, sigma: Tensor, denoised: Tensor) -> Tensor:
    """dx/dσ of the probability flow ODE."""
    return (x - denoised) / sigma


def ancestral(now: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """The level to step down to, and the noise that makes up for it: (down, up)."""
    up = torch.minimum(after, (after**2 * (now**2 - after**2) / now**2).sqrt())
    return (after**2 - up**2).sqrt(), up


def _heun_step(model: AskedModel, x: Tensor, now: Tensor, after: Tensor, step: int) -> Asking:
    first = slope(x, now, (yield from model(x, now, step)))
    guess = x + first * (after - now)
    if after == 0:
        return guess
    second = slope(guess, after, (yield from model(guess, after, step)))
    return x + (first + second) / 2 * (after - now)


def _restarted(sigmas: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The steps from level to level, those that are gone through again included."""
    count = len(sigmas) - 1
    again, times = RESTART_STEPS, 1
    if count >= RESTARTED_TWICE_FROM:
        again, times = count // 4, 2
    if count < RESTARTED_FROM:
        yield from pairwise(sigmas)
        return
    sigmas = karras_between(count - again * times, float(sigmas[-2]), float(sigmas[0]))
    low, high = (int((sigmas - one).abs().argmin()) for one in (RESTART_LOW, RESTART_HIGH))
    stretch = karras_between(again + 1, float(sigmas[low]), float(sigmas[high]))[:-1]
    for place, pair in enumerate(pairwise(sigmas), start=1):
        yield pair
        if place == low > high:
            for _ in range(times):
                yield from pairwise(stretch)


def _lagrange_integral(known: list[float], place: int, start: float, end: float) -> float:
    """∫ of the polynomial that is 1 at known[place] and 0 at the others, from start to end.

    Gauss-Legendre with three points is exact for its degree, which is 3 at most.
    """
    middle, half = (start + end) / 2, (end - start) / 2
    total = 0.0
    for node, weight in ((-(0.6**0.5), 5 / 9), (0.0, 8 / 9), (0.6**0.5, 5 / 9)):
        value = 1.0
        for other, level in enumerate(known):
            if other != place:
                value *= (middle + half * node - level) / (known[place] - level)
        total += weight * value
    return half * total
