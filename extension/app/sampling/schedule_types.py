"""Schedule types: which noise levels a sampler's steps go through.

Each gives n + 1 levels, from the highest one down, most of them with 0 at the end (fp32). Names and
numbers are those of stable-diffusion-webui 1.10.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from .beta_quantile import beta_quantile
from .noise_levels import NoiseLevels, with_zero

AUTOMATIC = "Automatic"
RHO = 7.0  # Karras et al. 2022
BETA = 0.6  # both parameters; Lee et al. 2024, "Beta Sampling is All You Need"
# Sabour et al. 2024, "Align Your Steps": its table of ten steps, for Stable Diffusion 1.5 and SDXL.
ALIGNED = (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029)
ALIGNED_XL = (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029)


def uniform(n: int, levels: NoiseLevels) -> Tensor:
    """Even in timesteps, both ends included."""
    return levels.evenly(n)


def karras(n: int, levels: NoiseLevels) -> Tensor:
    """Even in σ^(1/ρ)."""
    return karras_between(n, levels.lowest, levels.highest)


def karras_between(n: int, lowest: float, highest: float) -> Tensor:
    """The same from `highest` to `lowest`, then 0."""
    first, last = highest ** (1 / RHO), lowest ** (1 / RHO)
    return with_zero((first + torch.linspace(0, 1, n) * (last - first)) ** RHO)


def exponential(n: int, levels: NoiseLevels) -> Tensor:
    """Even in log σ. "Polyexponential" is the same, as the webui has it (its ρ is 1)."""
    return with_zero(torch.linspace(math.log(levels.highest), math.log(levels.lowest), n).exp())


def sgm_uniform(n: int, levels: NoiseLevels) -> Tensor:
    """Even in timesteps, without the lowest level."""
    return with_zero(levels.sigma(_timesteps(n + 1, levels)[:-1]))


def normal(n: int, levels: NoiseLevels) -> Tensor:
    """Even in timesteps from the level that is highest to the lowest one."""
    return with_zero(levels.sigma(_timesteps(n, levels)))


def kl_optimal(n: int, levels: NoiseLevels) -> Tensor:
    """Even in arctan σ (Sabour et al. 2024, section 3.1); ends at the lowest level, not at 0."""
    share = torch.arange(n + 1) / n
    lowest, highest = (torch.tensor(one).arctan() for one in (levels.lowest, levels.highest))
    return (share * lowest + (1 - share) * highest).tan()


def aligned(n: int, levels: NoiseLevels, table: tuple[float, ...] = ALIGNED) -> Tensor:
    """Between the steps of a table log σ is linear."""
    logs = torch.tensor(table, dtype=torch.float64).log()
    place = torch.linspace(0, len(table) - 1, n, dtype=torch.float64)
    low = place.floor().long().clamp(max=len(table) - 2)
    return with_zero(logs[low].lerp(logs[low + 1], place - low).exp().float())


def simple(n: int, levels: NoiseLevels) -> Tensor:
    """Every so many of training's levels, from the highest one."""
    skip = len(levels.sigmas) / n
    return with_zero(torch.stack([levels.sigmas[-1 - int(i * skip)] for i in range(n)]))


def ddim(n: int, levels: NoiseLevels) -> Tensor:
    """Every so many of training's levels, from the second lowest one (Song et al. 2020)."""
    skip = max(len(levels.sigmas) // n, 1)
    return with_zero(levels.sigmas[1::skip].flip(0))


def beta(n: int, levels: NoiseLevels) -> Tensor:
    """Quantiles of a Beta distribution between the lowest level and the highest."""
    shares = [beta_quantile(1 - i / max(n - 1, 1), BETA) for i in range(n)]
    span = levels.highest - levels.lowest
    return with_zero(torch.tensor([levels.lowest + share * span for share in shares]))


def _timesteps(n: int, levels: NoiseLevels) -> Tensor:
    """`n` of them, from that of the highest level to that of the lowest."""
    first, last = (
        float(levels.timestep(torch.tensor(one))) for one in (levels.highest, levels.lowest)
    )
    return torch.linspace(first, last, n)


# "Automatic" is what is usual for the sampler.
SCHEDULE_TYPES: Mapping[str, Callable[[int, NoiseLevels], Tensor]] = {
    "Uniform": uniform,
    "Karras": karras,
    "Exponential": exponential,
    "Polyexponential": exponential,
    "SGM Uniform": sgm_uniform,
    "KL Optimal": kl_optimal,
    "Align Your Steps": aligned,
    "Simple": simple,
    "Normal": normal,
    "DDIM": ddim,
    "Beta": beta,
}


def sigmas_of(name: str, n: int, levels: NoiseLevels, *, is_xl: bool = False) -> Tensor:
    """The levels of `n` steps: (n + 1,), but for "DDIM", which has about as many."""
    if name == "Align Your Steps" and is_xl:
        return aligned(n, levels, ALIGNED_XL)
    return SCHEDULE_TYPES[name](n, levels)
