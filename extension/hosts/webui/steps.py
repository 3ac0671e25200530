"""Where a sampler stands: i of the n steps that it really runs in this pass."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch


class Steps:
    """Counts a sampler's steps by the sampler's own step callback.

    Calls of the UNet do not count steps: Heun calls twice a step, PLMS twice in its first. Nor
    does the noise level alone: Heun's second call has the level of the next step's first one,
    and churn lifts it above its step's. Every sampler of the webui reports a step once, second
    order ones after the step's first call and the others after their last.
    """

    def __init__(self, total: int, second_order: bool) -> None:
        self.total = max(1, total)
        self.second_order = second_order
        self._reported = -1
        self._calls_since = 0

    def report(self, step: int) -> None:
        """The sampler has told that it is at (first call done) or through with this step."""
        self._reported, self._calls_since = step, 0

    def call(self) -> int:
        """The step, from 0, that the next call of the denoiser belongs to."""
        second = self.second_order and self._reported >= 0 and self._calls_since == 0
        self._calls_since += 1
        step = self._reported if second else self._reported + 1
        return min(step, self.total - 1)


def watch(sampler: Any) -> None:
    """Lets `sampler.live_lora_steps` follow the next run of this sampler.

    The wrapper stands on the sampler object, which lives for one pass, and shows the signature
    of what it wraps: the webui looks at it to choose the arguments.
    """
    func = sampler.func
    if getattr(func, "live_lora", False):
        return

    @functools.wraps(func)
    def sample(*args: Any, **kwargs: Any) -> Any:
        steps = Steps(_count(sampler, kwargs), _second_order(sampler))
        sampler.live_lora_steps = steps
        if kwargs.get("callback") is not None:
            kwargs["callback"] = _reporting(steps, kwargs["callback"])
        return func(*args, **kwargs)

    sample.live_lora = True  # type: ignore[attr-defined]
    sampler.func = sample


def _reporting(steps: Steps, callback: Callable[[dict[str, Any]], Any]) -> Callable[..., Any]:
    def report(state: dict[str, Any]) -> Any:
        steps.report(int(state["i"]))
        return callback(state)

    return report


def _count(sampler: Any, kwargs: dict[str, Any]) -> int:
    """n: the schedule's length, less its end; what was asked for where there is no schedule."""
    for name in ("sigmas", "sigma_sched"):
        if kwargs.get(name) is not None:
            return len(kwargs[name]) - 1
    if kwargs.get("timesteps") is not None:
        # UniPC runs as many steps as it is given times; the others go from one to the next.
        every = "unipc" in getattr(sampler.func, "__name__", "")
        return len(kwargs["timesteps"]) - (0 if every else 1)
    return int(kwargs.get("n") or sampler.model_wrap_cfg.steps or 1)


def _second_order(sampler: Any) -> bool:
    options = getattr(sampler.config, "options", None) or {}
    return bool(options.get("second_order", False))


def sigma_of(denoiser: Any, given: torch.Tensor) -> float:
    """The noise level of a call: samplers on timesteps hand over the timestep in its place."""
    value = given.max()
    if hasattr(denoiser, "alphas"):
        alpha = denoiser.alphas[value.to(torch.long).clamp(0, len(denoiser.alphas) - 1)]
        value = ((1 - alpha) / alpha).sqrt()
    return float(value)
