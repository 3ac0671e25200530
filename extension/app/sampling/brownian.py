"""Brownian motion over noise levels, found by halving, so that it is the same in any order.

The samplers called SDE need noise of stretches that overlap. The numbers are those that the webui
gets from torchsde's BrownianTree: each half is drawn with the seed that numpy's SeedSequence spawns
for its place in the tree, and levels are rounded to six digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import torch
from torch import Tensor

DIGITS = 6
POOL = 24  # words of entropy
REMEMBERED = 8  # levels, of which the next query needs one or two


class BrownianMotion:
    """W of one picture from level `low` to `high`; shape (4, h, w), fp32."""

    def __init__(self, low: float, high: float, shape: Sequence[int], seed: int) -> None:
        self.low, self.high = round(low, DIGITS), round(high, DIGITS)
        self.shape = tuple(shape)
        self.seed = seed
        (first, *_) = self._sequence().generate_state(3)
        self.whole = self._drawn(first) * sqrt(high - low)
        self._known: dict[float, Tensor] = {}

    def between(self, low: float, high: float) -> Tensor:
        """W(high) − W(low)."""
        return self._at(high) - self._at(low)

    def _at(self, level: float) -> Tensor:
        """W(level) − W(self.low)."""
        level = min(max(round(level, DIGITS), self.low), self.high)
        if level not in self._known:
            while len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[level] = self._found(level)
        return self._known[level]

    def _found(self, level: float) -> Tensor:
        """By halving the stretch in which the level lies, until it is an end."""
        low, high, change = self.low, self.high, self.whole
        before = torch.zeros_like(change)
        key = depth = 0
        while low < level < high:
            middle = round((low + high) / 2, DIGITS)
            left = (middle - low) / (high - low) * change
            spread = sqrt((middle - low) * (high - middle) / (high - low))
            (seed, *_) = self._sequence(key, depth).generate_state(4)
            left = left + spread * self._drawn(seed)
            if level <= middle:
                high, change, key = middle, left, 2 * key
            else:
                low, change, key = middle, change - left, 2 * key + 1
                before = before + left
            depth += 1
        return before + change if level == high else before

    def _sequence(self, *place: int) -> np.random.SeedSequence:
        return np.random.SeedSequence(self.seed, spawn_key=place, pool_size=POOL)

    def _drawn(self, seed: int) -> Tensor:
        return torch.randn(self.shape, generator=torch.Generator().manual_seed(int(seed)))


class BrownianNoise:
    """The noise of a batch between two levels, of unit variance: one motion for each seed.

    It runs from the highest level down.
    """

    def __init__(self, low: float, high: float, like: Tensor, seeds: Sequence[int]) -> None:
        self.motions = [BrownianMotion(low, high, like.shape[1:], seed) for seed in seeds]
        self.device = like.device

    def __call__(self, high: Tensor, low: Tensor) -> Tensor:
        between = [-one.between(float(low), float(high)) for one in self.motions]
        return torch.stack(between).to(self.device) / float((high - low).abs().sqrt())
