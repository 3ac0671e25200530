"""Which sampler step a call of a diffusers pipeline's UNet belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from torch import Tensor


class TimestepTracker:
    """Reads the step off the scheduler's timesteps, never by counting calls."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.begin: int | None = None
        self.timesteps: list[float] = []

    def read(self, timestep: Any) -> dict[str, Any]:
        """step, steps, sigma and call (of the UNet, from 0) for a call with this timestep."""
        scheduler = self.pipeline.scheduler
        if hasattr(scheduler, "progress"):  # the app's samplers know it
            known: dict[str, Any] = scheduler.progress()
            return known
        if self.begin is None:  # image to image starts in the middle
            self.timesteps = scheduler.timesteps.tolist()  # once: on a GPU this waits for it
            self.begin = self._index(scheduler, timestep)
        index = self._index(scheduler, timestep)
        count = getattr(self.pipeline, "_num_timesteps", None) or len(self.timesteps)
        order = getattr(scheduler, "order", 1)
        now = self.timesteps[index]
        if order > 1:
            # Heun and its like list each step's calls one after the other: t0, t1 t1, t2 t2, …
            step, steps = (index - self.begin) // order, -(-count // order)
        else:
            run = list(dict.fromkeys(self.timesteps[self.begin : self.begin + count]))
            step, steps = _place(run, now), len(run)
        sigma = _sigma(scheduler, index, now)
        return {"step": step, "steps": steps, "sigma": sigma, "call": index - self.begin}

    def _index(self, scheduler: Any, timestep: Any) -> int:
        index = getattr(scheduler, "step_index", None)
        if index is not None:
            return int(index)
        time = float(timestep.flatten()[0] if isinstance(timestep, Tensor) else timestep)
        return min(range(len(self.timesteps)), key=lambda i: abs(self.timesteps[i] - time))


def _place(timesteps: Sequence[float], timestep: float) -> int:
    return timesteps.index(timestep) if timestep in timesteps else 0


def _sigma(scheduler: Any, index: int, timestep: float) -> float | None:
    """σ = √((1 − ᾱ)/ᾱ), in the scale of k-diffusion."""
    sigmas = getattr(scheduler, "sigmas", None)
    if sigmas is not None and index < len(sigmas):
        return float(sigmas[index])
    products = getattr(scheduler, "alphas_cumprod", None)
    if products is None:
        return None
    kept = float(products[min(int(timestep), len(products) - 1)])
    # With zero terminal SNR the first step is pure noise.
    return float(((1 - kept) / kept) ** 0.5) if kept > 0 else inf
