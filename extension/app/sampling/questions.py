"""What samplers ask of a UNet, and what its answers mean.

A sampler is a generator: it yields a `Question`, is sent an `Answer`, and returns the latents. So
its formulas stand as they are in the papers, and whoever owns the UNet (a diffusers pipeline) asks
it in its own loop. `denoised = yield from model(x, sigma, step)` is one call.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from .noise_levels import ConsistencyLevels, NoiseLevels

Prediction = Literal["epsilon", "v_prediction"]
SIGMA_DATA = 0.5  # of latent consistency models (Luo et al. 2023)


@dataclass(frozen=True, slots=True)
class Question:
    """One call: the UNet's input (n, 4, h, w), its timestep, and where in the run it stands.

    `step` counts from 0; a step of a second order sampler asks twice. `sigma` is the noise level.
    """

    input: Tensor
    timestep: float
    step: int
    sigma: float


class Answer(NamedTuple):
    """What the UNet predicts, with guidance; `unguided` is that of the negative prompt alone."""

    guided: Tensor
    unguided: Tensor | None = None


Sampling = Generator[Question, Answer, Tensor]
Asking = Generator[Question, Answer, Tensor]


@dataclass(frozen=True, slots=True)
class KeptLatents:
    """Inpainting: what is not drawn anew. `share` (1, 1, h, w) is 1 where `latents` stay."""

    latents: Tensor
    share: Tensor

    def over(self, x: Tensor) -> Tensor:
        """x, with what is kept in its place."""
        return x * (1 - self.share) + self.latents * self.share


class AskedModel(Protocol):
    """A UNet as samplers see it."""

    levels: NoiseLevels
    denoised: Tensor | None  # what the last answer says of the picture

    def __call__(self, x: Tensor, at: Tensor, step: int) -> Asking: ...


class _Model:
    """What the two ways of asking have in common."""

    def __init__(
        self, levels: NoiseLevels, prediction: Prediction, kept: KeptLatents | None = None
    ) -> None:
        self.levels = levels
        self.prediction = prediction
        self.kept = kept
        self.denoised: Tensor | None = None


class LevelModel(_Model):
    """Latents of any noise level σ, x = x₀ + σ·ε, to x₀ (Karras et al. 2022, section 5)."""

    def __call__(self, x: Tensor, at: Tensor, step: int) -> Asking:
        """x₀ of x at the level `at`, (); a kept part of it is known already."""
        answer = yield self._question(x, at, step)
        found = self._denoised(x, at, answer.guided)
        self.denoised = found if self.kept is None else self.kept.over(found)
        return self.denoised

    def _question(self, x: Tensor, sigma: Tensor, step: int) -> Question:
        scale = (sigma**2 + 1) ** -0.5
        return Question(x * scale, float(self.levels.timestep(sigma)), step, float(sigma))

    def _denoised(self, x: Tensor, sigma: Tensor, out: Tensor) -> Tensor:
        if self.prediction == "v_prediction":
            square = sigma**2 + 1
            return x / square - out * (sigma * square**-0.5)
        return x - sigma * out


class ConsistencyModel(LevelModel):
    """A latent consistency model, whose answer is the whole way to x₀."""

    def __init__(self, levels: ConsistencyLevels, kept: KeptLatents | None = None) -> None:
        super().__init__(levels, "epsilon", kept)

    def _denoised(self, x: Tensor, sigma: Tensor, out: Tensor) -> Tensor:
        time = self.levels.timestep(sigma) * 10  # "timestep scaling" of the paper
        skip = SIGMA_DATA**2 / (time**2 + SIGMA_DATA**2)
        rest = time / (time**2 + SIGMA_DATA**2) ** 0.5
        return rest * (x - sigma * out) + skip * x


class TimestepModel(_Model):
    """Latents x = √ᾱ·x₀ + √(1 − ᾱ)·ε at a timestep, to ε (Ho et al. 2020)."""

    def __init__(
        self, levels: NoiseLevels, prediction: Prediction, kept: KeptLatents | None = None
    ) -> None:
        super().__init__(levels, prediction, kept)
        self.unguided: Tensor | None = None  # the negative prompt's ε of the last answer

    def __call__(self, x: Tensor, at: Tensor, step: int) -> Asking:
        """ε of x at the timestep `at`, (); where a part is kept, the UNet sees that part clean."""
        alpha = self.levels.alphas[int(at)]
        if self.kept is not None:
            x = self.kept.over(x)
        answer = yield Question(x, float(at), step, float(((1 - alpha) / alpha).sqrt()))
        noise = self._noise(x, alpha, answer.guided)
        if answer.unguided is not None:
            self.unguided = self._noise(x, alpha, answer.unguided)
        self.denoised = (x - (1 - alpha).sqrt() * noise) / alpha.sqrt()
        return noise

    def _noise(self, x: Tensor, alpha: Tensor, out: Tensor) -> Tensor:
        if self.prediction == "v_prediction":
            return alpha.sqrt() * out + (1 - alpha).sqrt() * x
        return out


class NoiseSource(Protocol):
    """Noise for the steps between two levels, of unit variance, like the latents."""

    def __call__(self, high: Tensor, low: Tensor) -> Tensor: ...


class GeneratorNoise:
    """The next numbers of each picture's own generator, whatever the levels are.

    The generators are the CPU's, so that a seed means the same on every device.
    """

    def __init__(self, seeds: Sequence[int], shape: Sequence[int], device: Any) -> None:
        """`shape` is one picture's, (4, h, w)."""
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.shape = tuple(shape)
        self.device = device

    def next(self) -> Tensor:
        """(n, 4, h, w)."""
        drawn = [torch.randn(self.shape, generator=one) for one in self.generators]
        return torch.stack(drawn).to(self.device)

    def __call__(self, high: Tensor, low: Tensor) -> Tensor:
        return self.next()


SamplerFunction = Callable[[AskedModel, Tensor, Tensor, NoiseSource], Sampling]
