"""The samplers by the webui's names, and what each needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from . import dpm_multistep, dpm_solver, euler, timesteps
from .questions import SamplerFunction
from .unipc import unipc

Grid = Literal["levels", "whole range", "consistency", "timesteps", "even timesteps"]


@dataclass(frozen=True, slots=True)
class Sampler:
    """One sampler. `usual` is the schedule type that "Automatic" means for it.

    `grid` says what its steps go through: noise levels of a schedule type ("whole range": of all
    levels when it begins with noise), those of a consistency model, or timesteps, which have no
    schedule type. With `calls_twice` a step has two calls, and prompts' schedules count 2 n calls.
    `skips_last` leaves out the last level before 0, and takes one more. `is_brownian`: its noise is
    that of levels; else the next of each picture's generator. `is_adaptive`: it chooses its steps.
    `is_cfg_plus`: it has to know the negative prompt's prediction apart.
    """

    name: str
    function: SamplerFunction
    usual: str = "Uniform"
    grid: Grid = "levels"
    calls_twice: bool = False
    skips_last: bool = False
    is_brownian: bool = False
    is_adaptive: bool = False
    is_cfg_plus: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def has_schedules(self) -> bool:
        """Whether a schedule type can be chosen."""
        return not self.grid.endswith("timesteps")

    @property
    def calls_per_step(self) -> int:
        """As prompts' schedules count."""
        return 2 if self.calls_twice else 1


_MULTI, _SINGLE = dpm_multistep, dpm_solver
SAMPLERS: Mapping[str, Sampler] = {
    one.name: one
    for one in (
        Sampler("DPM++ 2M", _MULTI.dpmpp_2m, "Karras", aliases=("k_dpmpp_2m",)),
        Sampler(
            "DPM++ SDE",
            _MULTI.dpmpp_sde,
            "Karras",
            calls_twice=True,
            is_brownian=True,
            aliases=("k_dpmpp_sde",),
        ),
        Sampler(
            "DPM++ 2M SDE",
            _MULTI.dpmpp_2m_sde,
            "Exponential",
            is_brownian=True,
            aliases=("k_dpmpp_2m_sde",),
        ),
        Sampler(
            "DPM++ 2M SDE Heun",
            _MULTI.dpmpp_2m_sde_heun,
            "Exponential",
            is_brownian=True,
            aliases=("k_dpmpp_2m_sde_heun",),
        ),
        Sampler(
            "DPM++ 2S a",
            _MULTI.dpmpp_2s_ancestral,
            "Karras",
            calls_twice=True,
            aliases=("k_dpmpp_2s_a",),
        ),
        Sampler(
            "DPM++ 3M SDE",
            _MULTI.dpmpp_3m_sde,
            "Exponential",
            skips_last=True,
            is_brownian=True,
            aliases=("k_dpmpp_3m_sde",),
        ),
        Sampler("Euler a", euler.euler_ancestral, aliases=("k_euler_a", "k_euler_ancestral")),
        Sampler("Euler", euler.euler, aliases=("k_euler",)),
        Sampler("LMS", euler.lms, aliases=("k_lms",)),
        Sampler("Heun", euler.heun, calls_twice=True, aliases=("k_heun",)),
        Sampler(
            "DPM2",
            _SINGLE.dpm2,
            "Karras",
            calls_twice=True,
            skips_last=True,
            aliases=("k_dpm_2",),
        ),
        Sampler(
            "DPM2 a",
            _SINGLE.dpm2_ancestral,
            "Karras",
            calls_twice=True,
            skips_last=True,
            aliases=("k_dpm_2_a",),
        ),
        Sampler("DPM fast", _SINGLE.dpm_fast, grid="whole range", aliases=("k_dpm_fast",)),
        Sampler(
            "DPM adaptive",
            _SINGLE.dpm_adaptive,
            grid="whole range",
            is_adaptive=True,
            aliases=("k_dpm_ad",),
        ),
        Sampler("Restart", euler.restart, "Karras", calls_twice=True, aliases=("restart",)),
        Sampler("DDIM", timesteps.ddim, grid="timesteps"),
        Sampler(
            "DDIM CFG++",
            timesteps.ddim_cfgpp,
            grid="timesteps",
            is_cfg_plus=True,
            aliases=("ddim_cfgpp",),
        ),
        Sampler("PLMS", timesteps.plms, grid="timesteps"),
        Sampler("UniPC", unipc, grid="even timesteps"),
        Sampler("LCM", euler.lcm, grid="consistency", aliases=("k_lcm",)),
    )
}
