"""Where a sampler stands: step i of the n that it really runs in this pass."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch

# Samplers whose step callback does not mark the calls of a step, by their function's name.
BY_CALL = ("sample_dpm_fast", "unipc")
BY_LEVEL = ("sample_dpm_adaptive",)


class Steps:
    """Counts by the sampler's own report of its steps.

    Calls of the UNet do not count steps: Heun calls twice a step, PLMS twice in its first. Nor
    does the noise level alone: Heun's second call has the level of the next step's first one,
    churn lifts it above its step's, Restart runs through the levels twice. But every sampler
    reports a step once: those of second order after its first call, the others after its last.
    """

    by_level: ClassVar[bool] = False

    def __init__(self, total: int, *, second_order: bool = False) -> None:
        self.total = max(1, total)
        self.second_order = second_order
        self._reported = -1
        self._calls = self._calls_since = 0

    def report(self, step: int) -> None:
        """The sampler says that it is in this step, or through with it."""
        self._reported, self._calls_since = step, 0

    def call(self, sigma: float | None) -> int:
        """The step, from 0, that the next call of the denoiser belongs to.

        `sigma` is its noise level, which only those count with that are `by_level`.
        """
        step = min(self._step(sigma), self.total - 1)
        self._calls += 1
        self._calls_since += 1
        return step

    def _step(self, sigma: float | None) -> int:
        if self._reported < 0 and self._calls > 2:
            return self._calls  # a sampler that reports nothing
        second = self.second_order and self._reported >= 0 and self._calls_since == 0
        return self._reported if second else self._reported + 1


class Calls(Steps):
    """Counts calls, for samplers with one call to a step whatever they report."""

    def _step(self, sigma: float | None) -> int:
        return self._calls


class Levels(Steps):
    """Follows the noise level, evenly in its logarithm, where nobody knows the steps ahead."""

    by_level: ClassVar[bool] = True

    def __init__(self, total: int, highest: float, lowest: float) -> None:
        super().__init__(total)
        self._highest, self._span = math.log(highest), math.log(highest / lowest)

    def _step(self, sigma: float | None) -> int:
        done = (self._highest - math.log(max(sigma or 0.0, 1e-6))) / self._span
        return max(0, round(done * (self.total - 1)))


def watch(sampler: Any) -> None:
    """Lets `sampler.live_lora_steps` follow this sampler's run.

    The wrapper stands on the sampler object, which lives for one pass, and shows the signature
    of what it wraps: the webui chooses the arguments by it.
    """
    func = sampler.func
    if getattr(func, "live_lora", False):
        return

    @functools.wraps(func)
    def sample(*args: Any, **kwargs: Any) -> Any:
        steps = sampler.live_lora_steps = steps_of(sampler, getattr(func, "__name__", ""), kwargs)
        if kwargs.get("callback") is not None:
            kwargs["callback"] = _reporting(steps, kwargs["callback"])
        return func(*args, **kwargs)

    sample.live_lora = True  # type: ignore[attr-defined]
    sampler.func = sample


def steps_of(sampler: Any, name: str, kwargs: dict[str, Any]) -> Steps:
    """How to count this sampler's steps, from the arguments that it is called with."""
    asked = int(kwargs.get("n") or sampler.model_wrap_cfg.steps or 1)
    if name in BY_LEVEL:
        return Levels(asked, float(kwargs["sigma_max"]), float(kwargs["sigma_min"]))
    schedule = next(
        (kwargs[k] for k in ("sigmas", "sigma_sched", "timesteps") if k in kwargs), None
    )
    if name in BY_CALL:
        return Calls(asked if schedule is None else len(schedule))
    options = getattr(sampler.config, "options", None) or {}
    total = asked if schedule is None else len(schedule) - 1
    return Steps(total, second_order=bool(options.get("second_order")))


def _reporting(steps: Steps, callback: Callable[[dict[str, Any]], Any]) -> Callable[..., Any]:
    def report(state: dict[str, Any]) -> Any:
        steps.report(int(state["i"]))
        return callback(state)

    return report


def sigma_of(denoiser: Any, given: torch.Tensor) -> float:
    """The noise level of a call: samplers on timesteps hand over the timestep in its place.

    One read of the device, for which the host waits.
    """
    value = given.max()
    if (alphas := getattr(denoiser, "alphas", None)) is not None:
        alpha = alphas[value.clamp(0, len(alphas) - 1).long().to(alphas.device)]
        value = ((1 - alpha) / alpha).sqrt()
    return float(value)
