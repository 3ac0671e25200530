"""Samplers and schedule types by name, as the webui's pictures and programs write them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from .request import GenerationRequest, RequestError
from .sampling.sampler_list import SAMPLERS, Sampler
from .sampling.schedule_types import AUTOMATIC, SCHEDULE_TYPES

SCHEDULES = (AUTOMATIC, *SCHEDULE_TYPES)
# How webuis before 1.9, and its API, write some of them.
_SCHEDULE_ALIASES = {"sgmuniform": "SGM Uniform"}
# diffusers' schedulers that models come with.
_OWN = {
    "EulerDiscreteScheduler": "Euler",
    "EulerAncestralDiscreteScheduler": "Euler a",
    "DPMSolverMultistepScheduler": "DPM++ 2M",
    "HeunDiscreteScheduler": "Heun",
    "KDPM2DiscreteScheduler": "DPM2",
    "KDPM2AncestralDiscreteScheduler": "DPM2 a",
    "LMSDiscreteScheduler": "LMS",
    "UniPCMultistepScheduler": "UniPC",
    "DDIMScheduler": "DDIM",
    "PNDMScheduler": "PLMS",
    "LCMScheduler": "LCM",
}


def sampler_named(text: str, schedule: str = "") -> tuple[Sampler, str]:
    """A sampler and its schedule type; `DPM++ 2M Karras` names both, as it did before 1.9.

    Raises RequestError with the nearest name that is known.
    """
    name, kind = text.strip(), schedule.strip()
    if _sampler(name) is None:
        for one in sorted((*SCHEDULE_TYPES, *_SCHEDULE_ALIASES), key=len, reverse=True):
            if name.lower().endswith(f" {one.lower()}"):
                name, kind = name[: -len(one) - 1], kind or one
                break
    sampler = _sampler(name)
    if sampler is None:
        raise RequestError(f"no sampler is called {text!r}{_nearest(name, SAMPLERS)}")
    found = _schedule(kind)
    if found is None:
        raise RequestError(f"no schedule type is called {kind!r}{_nearest(kind, SCHEDULES)}")
    if found != AUTOMATIC and not sampler.has_schedules:
        raise RequestError(
            f"{sampler.name} has timesteps of its own: {found!r} has no meaning for it, "
            f"choose the schedule type {AUTOMATIC}"
        )
    return sampler, found


def with_known_samplers(request: GenerationRequest) -> GenerationRequest:
    """The request with its samplers and schedule types as they are called here. RequestError."""
    if request.sampler:
        sampler, schedule = sampler_named(request.sampler, request.schedule)
        request = replace(request, sampler=sampler.name, schedule=schedule)
    hires = request.hires
    if hires is not None and hires.sampler:
        sampler, schedule = sampler_named(hires.sampler, hires.schedule)
        second = replace(hires, sampler=sampler.name, schedule=schedule if hires.schedule else "")
        return replace(request, hires=second)
    return request


def _sampler(name: str) -> Sampler | None:
    wanted = name.lower()
    for one in SAMPLERS.values():
        if wanted in (one.name.lower(), *one.aliases):
            return one
    return None


def _schedule(name: str) -> str | None:
    """Also as the webui's API writes it: `align_your_steps`."""
    wanted = (name or AUTOMATIC).lower().replace("_", " ")
    known = {one.lower(): one for one in SCHEDULES} | _SCHEDULE_ALIASES
    return known.get(wanted)


def _nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence: what a name that begins with it, or is written alike, is called."""
    begins = [one for one in known if name.lower().startswith(f"{one.lower()} ")]
    near = sorted(begins, key=len, reverse=True) or get_close_matches(name, known, 1, 0.5)
    hint = f", the nearest is {near[0]!r}" if near else ""
    return f"{hint}: there are {', '.join(known)}"


def own_name(scheduler: Any) -> str | None:
    """The webui's name of the sampler that a model's own scheduler is."""
    return _OWN.get(type(scheduler).__name__)


def name_of(scheduler: Any) -> str:
    """The same; diffusers' name where the webui has none."""
    name = type(scheduler).__name__
    return own_name(scheduler) or name.removesuffix("Scheduler").removesuffix("Discrete")
