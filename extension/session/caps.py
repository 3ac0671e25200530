"""Caps: after each step, what a network's weight is multiplied by in the next one.

The ratio ‖ΔWx‖/‖Wx‖ is pooled over the UNet's layers, a picture's cond and uncond rows together. A
step's factor is min(1, aim / r), r being the ratio that the step before would have had without a
factor. In a step's second half nothing changes. A ratio that has been rising is expected to rise
again as much, and a factor that could rise goes part of the way. What is aimed at lies a little
below the cap, since no step is quite like the one before. Factors are cut to four digits, so that
the text that records them is exact.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..engine.measuring import CallSums, Measuring, Moment, gathered
from ..prompt.bound import Bound
from ..records import Progress, TargetKey
from .tag_use import TagUse

DIGITS = 1e4
# What one layer adds changes what the next one is called with: on the small model the ratio grows
# with the factor to the power of 1.3 to 1.5.
UPWARDS = 0.6
AIM = 0.985  # of the cap: from there, steps of the small model strayed by no more than 2 %
ALMOST = 0.98
STACK = -1  # stands for all networks together
Place = tuple[int, int, TargetKey | None]  # picture, network or STACK, layer (None: all)


@dataclass(slots=True)
class Held:
    """What is held under one bound: the factor of now, and of each step by moment."""

    most: float
    factor: float = 1.0
    before: float = 0.0  # the ratio without a factor, in the step before
    history: dict[Moment, float] = field(default_factory=dict)

    def learn(self, ratio: float) -> None:
        """A step is over, in which the ratio with the factor was this."""
        free = ratio / self.factor
        rising = max(1.0, free / self.before) if self.before else 1.0
        if self.before:
            wanted = min(1.0, AIM * self.most / (free * rising))
        else:
            wanted = first_factor(self.most / free)
        self.before = free
        if wanted > self.factor:
            wanted = self.factor * (wanted / self.factor) ** UPWARDS
            wanted = 1.0 if wanted > ALMOST else wanted
        self.factor = max(1.0, math.floor(wanted * DIGITS)) / DIGITS


def first_factor(allowed: float) -> float:
    """The second step's factor, by the cap in parts of the first one's ratio.

    Whether the ratio rises by itself is not known yet. Nor is how it follows the factor: the small
    model's from 1 to 0.5 with its power of 0.6 to 0.8 (neon at 2.5, where what it adds is more than
    what was there), over the whole way down to 0.1 with a power of 1.1.
    """
    share = min(1.0, allowed)
    return float(min(1.0, (0.9 + 0.06 * share) * allowed) ** (1 + share / 2))


Bounds = Mapping[tuple[int, int], Bound]  # by picture and network, or STACK


def bounds_of(uses: Sequence[Sequence[TagUse]], pictures: int, stack: Bound | None) -> Bounds:
    """Those of the networks' tags, and `stack`, one for all together; what is recorded is none."""
    found: dict[tuple[int, int], Bound] = {}
    recorded = set()
    for number, its in enumerate(uses):
        for use in its:
            recorded |= {use.picture} if use.tag.is_capped else set()
            if (bound := use.tag.cap) is not None:
                place = use.picture, number
                found[place] = min(bound, found.get(place, bound), key=lambda one: one.most)
    if stack is not None:
        found |= {(one, STACK): stack for one in range(pictures) if one not in recorded}
    return found


class Caps:
    """The caps of one run, and what is held by them."""

    def __init__(self, bounds: Bounds, measuring: Measuring) -> None:
        self.bounds, self.measuring = bounds, measuring
        self._held: dict[Place, Held] = {}
        self._seen = 0  # calls that were looked at
        self._moment: Moment | None = None

    def factor(self, picture: int, network: int, layer: TargetKey) -> float:
        """What this network's weight is multiplied by on a layer of the UNet."""
        product = 1.0
        for who in (network, STACK):
            bound = self.bounds.get((picture, who))
            held = bound and self._held.get((picture, who, layer if bound.each else None))
            product *= held.factor if held else 1.0
        return product

    def bounds_of(self, network: int) -> list[Bound]:
        """All that this network is under, in any picture."""
        return [bound for (_, who), bound in self.bounds.items() if who in (network, STACK)]

    def reached(self, progress: Progress) -> bool:
        """Sampling is there now: whether any factor has changed with it."""
        moment = Moment(progress.hires, progress.step)
        if moment == self._moment:
            return False  # the other half of a step
        last, self._moment = self._moment, moment
        new = [call for call in self.measuring.calls[self._seen :] if call.target[0] == "unet"]
        self._seen = len(self.measuring.calls)
        before = [held.factor for held in self._held.values()]
        if last is not None and (moment.hires != last.hires or moment.step < last.step):
            for held in self._held.values():
                held.factor, held.before = 1.0, 0.0
        elif new:
            self._learn(new)
        for held in self._held.values():
            held.history[moment] = held.factor
        now = [held.factor for held in self._held.values()]
        return now != before + [1.0] * (len(now) - len(before))

    def curves(self, picture: int, network: int) -> dict[str, str]:
        """`capped` and `hrcapped` as tags have them, where anything was held."""
        found = {}
        for name, hires in (("capped", False), ("hrcapped", True)):
            steps = self._factors(picture, network, hires)
            if any(factor != 1.0 for factor in steps.values()):
                found[name] = _curve(steps)
        return found

    def _factors(self, picture: int, network: int, hires: bool) -> dict[int, float]:
        """The product of both bounds, step by step; a factor for each layer is no curve."""
        product: dict[int, float] = {}
        for who in (network, STACK):
            held = self._held.get((picture, who, None))
            for moment, factor in (held.history if held else {}).items():
                if moment.hires == hires:
                    product[moment.step] = product.get(moment.step, 1.0) * factor
        return product

    def _learn(self, calls: Sequence[CallSums]) -> None:
        base: dict[Place, float] = defaultdict(float)
        changes: dict[Place, float] = defaultdict(float)
        for call, sums in gathered(calls):
            for place, squares, change in self._parts(call, sums.tolist()):
                base[place] += squares
                changes[place] += change
        for place, squares in base.items():
            held = self._held.setdefault(place, Held(self.bounds[place[:2]].most))
            if squares and changes[place] > 0:
                held.learn(math.sqrt(changes[place] / squares))

    def _parts(
        self, call: CallSums, lines: Sequence[Sequence[float]]
    ) -> Iterator[tuple[Place, float, float]]:
        """What one call has of each bound's two sums."""
        shares = call.shares
        for number, (row, line) in enumerate(zip(call.rows, lines, strict=True)):
            for (picture, who), bound in self.bounds.items():
                if picture != row.picture:
                    continue
                own = [i for i, (network, _) in enumerate(shares) if who in (network, STACK)]
                change = sum(
                    shares[i][1][number] * shares[j][1][number] * _product(line, i, j, len(shares))
                    for i in own
                    for j in own
                )
                yield (picture, who, call.target if bound.each else None), line[0], change


def _curve(steps: Mapping[int, float]) -> str:
    """`1@0 hold;0.62@1 hold`: each factor from its step on."""
    points = {0: 1.0, **steps}
    changes = [
        (step, factor)
        for step, factor in sorted(points.items())
        if factor != points.get(step - 1) or step <= 2  # a 1 alone would be the end of the pass
    ]
    return ";".join(f"{factor:.10g}@{step} hold" for step, factor in changes)


def _product(line: Sequence[float], i: int, j: int, count: int) -> float:
    """⟨Δ_i x, Δ_j x⟩ of a line of `CallSums.sums`."""
    i, j = min(i, j), max(i, j)
    return line[1 + i * count - i * (i - 1) // 2 + j - i]
