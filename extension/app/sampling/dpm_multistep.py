"""DPM-Solver++'s samplers: 2M, 2S a, SDE, 2M SDE, 3M SDE (Lu et al. 2022, "DPM-Solver++").

In λ = −log σ the exact solution over a step h is x·σ'/σ + (1 − e⁻ʰ)·x₀, for a picture x₀ that stays
the same; higher orders add how it changes.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from torch import Tensor

from .euler import ancestral
from .questions import AskedModel, NoiseSource, Sampling


def dpmpp_2m(model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource) -> Sampling:
    """x₀ in the middle of the step by the last two calls."""
    last: Tensor | None = None
    last_h = sigmas.new_zeros(())
    for i, (now, after) in enumerate(pairwise(sigmas)):
        found = yield from model(x, now, i)
        h = now.log() - after.log()  # infinite in the last step
        picture = found
        if last is not None and after > 0:
            share = h / (2 * last_h)
            picture = (1 + share) * found - share * last
        x = after / now * x - (-h).expm1() * picture
        last, last_h = found, h
    return x


def dpmpp_2s_ancestral(
    model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource
) -> Sampling:
    """x₀ in the middle of the step by a call there, and noise after it."""
    for i, (now, after) in enumerate(pairwise(sigmas)):
        found = yield from model(x, now, i)
        down, up = ancestral(now, after)
        if down > 0:
            middle = (now.log().lerp(down.log(), 0.5)).exp()
            guess = _exact(x, now, middle, found)
            found = yield from model(guess, middle, i)
        x = _exact(x, now, down, found)
        if after > 0:
            x = x + noise(now, after) * up
    return x


def dpmpp_sde(model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource) -> Sampling:
    """The same, with noise in the middle as well: both parts of one Brownian motion."""
    for i, (now, after) in enumerate(pairwise(sigmas)):
        found = yield from model(x, now, i)
        if after == 0:
            return found
        start, end = -now.log(), -after.log()
        high, middle, low = (-start).exp(), (-(start + (end - start) / 2)).exp(), (-end).exp()
        down, up = ancestral(high, middle)
        guess = _exact(x, high, down, found) + noise(high, middle) * up
        found = yield from model(guess, middle, i)
        down, up = ancestral(high, low)
        x = _exact(x, high, down, found) + noise(high, low) * up
    return x


def dpmpp_2m_sde(
    model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource, *, heun: bool = False
) -> Sampling:
    """2M for the SDE; `heun` weighs the change of x₀ with φ₂ in the place of (1 − e⁻²ʰ)/2."""
    last: Tensor | None = None
    last_h = sigmas.new_zeros(())
    for i, (now, after) in enumerate(pairwise(sigmas)):
        found = yield from model(x, now, i)
        if after == 0:
            return found
        h = now.log() - after.log()
        whole = -(-2 * h).expm1()
        x = after / now * (-h).exp() * x + whole * found
        if last is not None:
            weight = 1 - whole / (2 * h) if heun else whole / 2
            x = x + weight * (h / last_h) * (found - last)
        x = x + noise(now, after) * after * whole.sqrt()
        last, last_h = found, h
    return x


dpmpp_2m_sde_heun = partial(dpmpp_2m_sde, heun=True)


def dpmpp_3m_sde(model: AskedModel, x: Tensor, sigmas: Tensor, noise: NoiseSource) -> Sampling:
    """The change of x₀ and the change of that, by the last three calls."""
    known: list[tuple[Tensor, Tensor]] = []  # (x₀, h behind it), the newest first
    for i, (now, after) in enumerate(pairwise(sigmas)):
        found = yield from model(x, now, i)
        if after == 0:
            return found
        h = now.log() - after.log()
        x = (-2 * h).exp() * x - (-2 * h).expm1() * found + _change(found, h, known)
        x = x + noise(now, after) * after * (-(-2 * h).expm1()).sqrt()
        known = [(found, h), *known[:1]]
    return x


def _change(found: Tensor, h: Tensor, known: list[tuple[Tensor, Tensor]]) -> Tensor | float:
    """What the change of x₀ over the step adds: φ₂·d₁ − φ₃·d₂ with divided differences d."""
    if not known:
        return 0.0
    phi_2 = (-2 * h).expm1() / (2 * h) + 1
    (before, h_1), *older = known
    ratio = h_1 / h
    first = (found - before) / ratio
    if not older:
        return phi_2 * first
    oldest, h_2 = older[0]
    ratio_2 = h_2 / h
    second = (first - (before - oldest) / ratio_2) / (ratio + ratio_2)
    return phi_2 * (first + ratio * second) - (phi_2 / (2 * h) - 0.5) * second


def _exact(x: Tensor, now: Tensor, after: Tensor, picture: Tensor) -> Tensor:
    """From level to level while x₀ stays the same."""
    return after / now * x + (1 - after / now) * picture
