"""Samplers and schedules under the webui's names, as far as diffusers has them.

How far diffusers' are from the webui's own is measured in docs/words.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .request import RequestError

AUTOMATIC = "Automatic"
# A schedule type decides on the noise levels of the steps: diffusers' settings for each.
SCHEDULES: Mapping[str, Mapping[str, Any]] = {
    AUTOMATIC: {},
    "Uniform": {"timestep_spacing": "linspace"},
    "Karras": {"timestep_spacing": "linspace", "use_karras_sigmas": True},
    "Exponential": {"timestep_spacing": "linspace", "use_exponential_sigmas": True},
    "SGM Uniform": {"timestep_spacing": "trailing"},
    "DDIM": {"timestep_spacing": "leading", "steps_offset": 1},
}
PLAIN = ("Uniform", "SGM Uniform")
ALL = ("Uniform", "Karras", "Exponential", "SGM Uniform")
OFF = {"use_karras_sigmas": False, "use_exponential_sigmas": False, "use_beta_sigmas": False}


@dataclass(frozen=True, slots=True)
class Sampler:
    """One of the webui's samplers; `usual` is the schedule type that "Automatic" means for it."""

    name: str
    scheduler: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    schedules: tuple[str, ...] = ALL
    usual: str = "Uniform"


_LEADING = (("DDIM",), "DDIM")
_MULTISTEP = {"solver_order": 2, "final_sigmas_type": "zero", "lower_order_final": True}
SAMPLERS = {
    sampler.name: sampler
    for sampler in (
        Sampler("Euler", "EulerDiscreteScheduler"),
        Sampler("Euler a", "EulerAncestralDiscreteScheduler", schedules=PLAIN),
        Sampler("DPM++ 2M", "DPMSolverMultistepScheduler", _MULTISTEP, usual="Karras"),
        Sampler(
            "DPM++ 2M SDE",
            "DPMSolverMultistepScheduler",
            {**_MULTISTEP, "algorithm_type": "sde-dpmsolver++"},
            usual="Exponential",
        ),
        Sampler("Heun", "HeunDiscreteScheduler"),
        Sampler("DPM2", "KDPM2DiscreteScheduler", usual="Karras"),
        Sampler("DPM2 a", "KDPM2AncestralDiscreteScheduler", usual="Karras"),
        Sampler("UniPC", "UniPCMultistepScheduler"),
        Sampler("DDIM", "DDIMScheduler", {"clip_sample": False}, *_LEADING),
        Sampler("PLMS", "PNDMScheduler", {"skip_prk_steps": True}, *_LEADING),
        Sampler("LCM", "LCMScheduler", {"clip_sample": False}, (AUTOMATIC,), AUTOMATIC),
    )
}


def sampler_named(text: str, schedule: str = "") -> tuple[Sampler, str]:
    """A sampler and its schedule type; `DPM++ 2M Karras` names both, as it did before 1.9.

    Raises RequestError with the names that are known.
    """
    name, kind = text.strip(), schedule.strip()
    by_case = {one.lower(): one for one in SAMPLERS}
    kinds_by_length = sorted(SCHEDULES, key=len, reverse=True)
    for one in () if name.lower() in by_case else kinds_by_length:
        if name.lower().endswith(f" {one.lower()}"):
            name, kind = name[: -len(one) - 1], kind or one
            break
    if name.lower() not in by_case:
        raise RequestError(f"no sampler is called {text!r}: there are {', '.join(SAMPLERS)}")
    sampler = SAMPLERS[by_case[name.lower()]]
    kinds = {one.lower(): one for one in (AUTOMATIC, *sampler.schedules)}
    if (kind or AUTOMATIC).lower() not in kinds:
        raise RequestError(
            f"{sampler.name} has no schedule type {kind!r}: it has {', '.join(kinds.values())}"
        )
    return sampler, kinds[(kind or AUTOMATIC).lower()]


def scheduler_of(own: Any, sampler: Sampler, schedule: str) -> Any:
    """diffusers' scheduler for the model whose `own` one says how it was trained."""
    import diffusers

    schedule = sampler.usual if schedule == AUTOMATIC else schedule
    settings = {**OFF, **sampler.settings, **SCHEDULES[schedule]}
    if getattr(own.config, "rescale_betas_zero_snr", False):
        settings["timestep_spacing"] = "trailing"  # its first step has to be pure noise
    kind = getattr(diffusers, sampler.scheduler)
    known = kind._get_init_keys(kind)
    return kind.from_config(own.config, **{k: v for k, v in settings.items() if k in known})


def name_of(scheduler: Any) -> str:
    """The webui's name of a model's own scheduler; diffusers' where it has none."""
    name = type(scheduler).__name__
    for sampler in SAMPLERS.values():
        if sampler.scheduler == name:
            return sampler.name
    return name.removesuffix("Scheduler").removesuffix("Discrete")
