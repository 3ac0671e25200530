"""The noise levels that a model was trained with, and the timesteps that name them.

σ = √((1 − ᾱ)/ᾱ) of each training timestep; between two of them log σ is linear (Karras et al. 2022,
appendix C.3.4, and k-diffusion, which the webui samples with).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

ZERO_SNR = 4.8973451890853435e-08  # the webui's ᾱ of a last timestep that is pure noise
# Consistency models are distilled on every 20th timestep (Luo et al. 2023).
CONSISTENCY_SKIP = 20


class NoiseLevels:
    """σ by timestep, from the lowest to the highest; fp32 on the CPU."""

    def __init__(self, alphas: Tensor, timesteps: Tensor | None = None) -> None:
        """`alphas` are ᾱ, one for each of `timesteps` (evenly spaced; all without)."""
        self.alphas = alphas.float().cpu()
        self.sigmas = ((1 - self.alphas) / self.alphas) ** 0.5
        self.logs = self.sigmas.log()
        known = torch.arange(len(alphas)) if timesteps is None else timesteps
        self.first, self.skip = int(known[0]), int(known[1] - known[0])

    @property
    def lowest(self) -> float:
        return float(self.sigmas[0])

    @property
    def highest(self) -> float:
        return float(self.sigmas[-1])

    def timestep(self, sigma: Tensor) -> Tensor:
        """The timestep of a level, between two of training where it lies there."""
        log = sigma.log()
        low = int((log >= self.logs).sum()) - 1
        low = max(0, min(low, len(self.logs) - 2))
        share = (self.logs[low] - log) / (self.logs[low] - self.logs[low + 1])
        return low + share.clamp(0, 1)

    def sigma(self, timestep: Tensor) -> Tensor:
        """The levels of timesteps, of any shape."""
        place = ((timestep.float() - self.first) / self.skip).clamp(0, len(self.logs) - 1)
        low, high, share = place.floor().long(), place.ceil().long(), place.frac()
        return ((1 - share) * self.logs[low] + share * self.logs[high]).exp()

    def evenly(self, count: int) -> Tensor:
        """The levels of `count` timesteps from the last to the first, then 0."""
        return with_zero(self.sigma(torch.linspace(len(self.logs) - 1, 0, count)))


class ConsistencyLevels(NoiseLevels):
    """Those that a latent consistency model knows: it is only asked at the timesteps of these."""

    def __init__(self, alphas: Tensor) -> None:
        kept = torch.arange(CONSISTENCY_SKIP - 1, len(alphas), CONSISTENCY_SKIP)
        super().__init__(alphas[kept], kept)

    def timestep(self, sigma: Tensor) -> Tensor:
        """The nearest one."""
        nearest = (sigma.log() - self.logs).abs().argmin()
        return (nearest * self.skip + self.first).float()

    def evenly(self, count: int) -> Tensor:
        last = self.first + self.skip * (len(self.logs) - 1)
        return with_zero(self.sigma(torch.linspace(last, self.first, count)))


def with_zero(sigmas: Tensor) -> Tensor:
    """The levels, and 0 behind them."""
    return torch.cat([sigmas, sigmas.new_zeros(1)])


def trained_alphas(config: Mapping[str, Any]) -> Tensor:
    """ᾱ of a diffusers scheduler's `config`, by timestep."""
    count = int(config.get("num_train_timesteps", 1000))
    if config.get("trained_betas") is not None:
        betas = torch.tensor(config["trained_betas"], dtype=torch.float64)
    else:
        start, end = config.get("beta_start", 0.00085), config.get("beta_end", 0.012)
        if config.get("beta_schedule", "scaled_linear") == "scaled_linear":
            betas = torch.linspace(start**0.5, end**0.5, count, dtype=torch.float64) ** 2
        else:
            betas = torch.linspace(start, end, count, dtype=torch.float64)
    alphas = (1 - betas).cumprod(0)
    if config.get("rescale_betas_zero_snr"):
        roots = alphas.sqrt()
        roots = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])  # Lin et al. 2024
        alphas = roots**2
        alphas[-1] = ZERO_SNR
    return alphas.float()
