"""Quantiles of the symmetric Beta distribution (the schedule type "Beta")."""

from __future__ import annotations

import math

TERMS = 64  # of a series whose terms halve at least
HALVINGS = 64


def beta_quantile(share: float, shape: float) -> float:
    """The x in [0, 1] below which `share` of Beta(shape, shape) lies."""
    if share <= 0 or share >= 1:
        return float(share >= 1)
    if share > 0.5:  # from the side on which x keeps its digits
        return 1 - beta_quantile(1 - share, shape)
    whole = math.exp(2 * math.lgamma(shape) - math.lgamma(2 * shape))
    low, high = 0.0, 0.5
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = _integral(middle, shape) < share * whole
        low, high = (middle, high) if below else (low, middle)
    return high


def _integral(x: float, shape: float) -> float:
    """∫ uᵃ⁻¹ (1 − u)ᵃ⁻¹ du from 0 to x ≤ 1/2: the binomial series of the second factor."""
    total, term = 0.0, 1.0
    for n in range(TERMS):
        total += term / (shape + n)
        term *= x * (n + 1 - shape) / (n + 1)
    return total * math.pow(x, shape)
