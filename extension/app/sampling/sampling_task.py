"""One pass of sampling, as the webui counts its steps: from noise or from latents, to latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .brownian import BrownianNoise
from .noise_levels import ConsistencyLevels, NoiseLevels
from .questions import (
    ConsistencyModel,
    GeneratorNoise,
    KeptLatents,
    LevelModel,
    NoiseSource,
    Prediction,
    TimestepModel,
)
from .sampler_list import Sampler
from .schedule_types import AUTOMATIC, sigmas_of

MOST_STRENGTH = 0.999


@dataclass(frozen=True, slots=True)
class StartingLatents:
    """Latents (n, 4, h, w) to begin with, and how much of them is noise, 0 to 1.

    Of n steps ⌊strength · n⌋ + 1 are run; with `every_step` all n (as in hires fix). `kept`
    (n or 1, 1, h, w) is 1 where the latents stay as they are.
    """

    latents: Tensor
    strength: float
    every_step: bool = False
    kept: Tensor | None = None

    def of_picture(self, picture: int) -> StartingLatents:
        """Those of one picture."""
        one = slice(picture, picture + 1)
        kept = self.kept if self.kept is None or len(self.kept) == 1 else self.kept[one]
        return replace(self, latents=self.latents[one], kept=kept)


@dataclass(frozen=True)
class SamplingTask:
    """What is to be sampled: `shape` is (n, 4, h, w), with one of `seeds` for each picture.

    `alphas` are ᾱ of the model's training, `prediction` what it predicts; `is_xl` chooses between
    the tables of "Align Your Steps".
    """

    sampler: Sampler
    schedule: str
    steps: int
    seeds: Sequence[int]
    shape: Sequence[int]
    alphas: Tensor
    prediction: Prediction = "epsilon"
    is_xl: bool = False
    start: StartingLatents | None = None
    device: Any = "cpu"

    @cached_property
    def levels(self) -> NoiseLevels:
        """Those that the model knows."""
        consistent = self.sampler.grid == "consistency"
        return ConsistencyLevels(self.alphas) if consistent else NoiseLevels(self.alphas)

    @cached_property
    def counted(self) -> tuple[int, int]:
        """Of how many steps the last how many are left out at the beginning: (all, begun at)."""
        start, steps = self.start, self.steps
        if start is None:
            return steps, steps
        strength = min(start.strength, MOST_STRENGTH)
        if start.every_step:
            return (int(steps / strength) if strength > 0 else 0), steps - 1
        return steps, int(strength * steps)

    @cached_property
    def all_points(self) -> Tensor:
        """The noise levels of all steps down to 0, or the timesteps of all from low to high."""
        steps, _ = self.counted
        if not self.sampler.has_schedules:
            return self._training_timesteps(steps)
        if steps == 0:
            return torch.zeros(1)
        kind = self.sampler.usual if self.schedule == AUTOMATIC else self.schedule
        if self.sampler.grid == "whole range" and self.start is None:
            kind, steps = "Uniform", max(steps, 2)  # one for either end of the range
        skips = self.sampler.skips_last
        sigmas = sigmas_of(kind, steps + skips, self.levels, is_xl=self.is_xl)
        return torch.cat([sigmas[:-2], sigmas[-1:]]) if skips else sigmas

    @cached_property
    def points(self) -> Tensor:
        """What the sampler goes through: noise levels, or timesteps from high to low."""
        steps, begun = self.counted
        points = self.all_points
        if self.sampler.has_schedules:
            return points if self.start is None else points[max(steps - begun - 1, 0) :]
        points = points if self.start is None else points[:begun]
        if self.sampler.grid == "timesteps" or not len(points):
            return points.flip(0)
        highest = len(self.alphas) - 1 if self.start is None else float(points[-1])
        return torch.linspace(highest, 0, len(points) + 1)

    def _training_timesteps(self, steps: int) -> Tensor:
        """Evenly spaced ones, from the second of all on; about as many as steps."""
        count = len(self.alphas)
        found = torch.arange(0, count, max(count // max(steps, 1), 1)) + 1
        return found.clamp(max=count - 1)

    def model(self) -> LevelModel | TimestepModel:
        """The UNet as the sampler sees it."""
        kept, levels = self.kept, self.levels
        if isinstance(levels, ConsistencyLevels):
            return ConsistencyModel(levels, kept)
        kind = LevelModel if self.sampler.has_schedules else TimestepModel
        return kind(levels, self.prediction, kept)

    @property
    def kept(self) -> KeptLatents | None:
        """What is not drawn anew."""
        if self.start is None or self.start.kept is None:
            return None
        return KeptLatents(self.start.latents.float(), self.start.kept)

    def begun(self) -> tuple[Tensor, NoiseSource]:
        """The latents to begin with, fp32, and the noise for the steps."""
        noise = GeneratorNoise(self.seeds, self.shape[1:], self.device)
        x = self._first(noise.next())
        if not self.sampler.is_brownian:
            return x, noise
        levels = self.all_points[self.all_points > 0]
        if not len(levels):
            return x, noise
        return x, BrownianNoise(float(levels.min()), float(levels.max()), x, self.seeds)

    def _first(self, noise: Tensor) -> Tensor:
        if self.start is None:
            return noise * self.points[0] if self.sampler.has_schedules else noise
        latents = self.start.latents.to(noise)
        if self.sampler.has_schedules:
            return latents + noise * self.points[0]
        place = self.all_points[min(self.counted[1], len(self.all_points) - 1)]
        alpha = self.levels.alphas[int(place)]
        return latents * alpha.sqrt() + noise * (1 - alpha).sqrt()
