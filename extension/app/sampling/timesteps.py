"""Samplers on training's own timesteps: DDIM, DDIM CFG++, PLMS and UniPC.

They are handed timesteps from the last to the first in the place of noise levels, and end at the
first one.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import torch
from torch import Tensor

from .questions import AskedModel, NoiseSource, Sampling, TimestepModel

# Adams-Bashforth by the number of slopes, the newest first (Liu et al. 2022, "PNDM").
WEIGHTS = {
    1: (1.0,),
    2: (3 / 2, -1 / 2),
    3: (23 / 12, -16 / 12, 5 / 12),
    4: (55 / 24, -59 / 24, 37 / 24, -9 / 24),
}


def ddim(model: AskedModel, x: Tensor, timesteps: Tensor, noise: NoiseSource) -> Sampling:
    """Song et al. 2020, with η = 0."""
    for i, (now, after) in enumerate(_steps(timesteps)):
        found = yield from model(x, now, i)
        x = _moved(model, x, found, found, now, after)
    return x


def ddim_cfgpp(model: AskedModel, x: Tensor, timesteps: Tensor, noise: NoiseSource) -> Sampling:
    """Chung et al. 2024, "CFG++": the negative prompt's ε leads on to the next level."""
    assert isinstance(model, TimestepModel)
    for i, (now, after) in enumerate(_steps(timesteps)):
        found = yield from model(x, now, i)
        lead = found if model.unguided is None else model.unguided
        x = _moved(model, x, found, lead, now, after)
    return x


def plms(model: AskedModel, x: Tensor, timesteps: Tensor, noise: NoiseSource) -> Sampling:
    """A multistep of up to four ε; the first step is Heun's."""
    slopes: deque[Tensor] = deque(maxlen=4)
    for i, (now, after) in enumerate(_steps(timesteps)):
        slopes.appendleft((yield from model(x, now, i)))
        mean = torch.zeros_like(x)
        for weight, one in zip(WEIGHTS[len(slopes)], slopes, strict=True):
            mean = mean + weight * one
        if i == 0:
            guess = _moved(model, x, mean, mean, now, after)
            mean = (mean + (yield from model(guess, after, i))) / 2
        x = _moved(model, x, mean, mean, now, after)
    return x


def _steps(timesteps: Tensor) -> list[tuple[Tensor, Tensor]]:
    return list(pairwise(timesteps))


def _moved(
    model: AskedModel, x: Tensor, noise: Tensor, lead: Tensor, now: Tensor, after: Tensor
) -> Tensor:
    """The picture that ε says, at the next timestep's level along `lead`."""
    alpha, after_alpha = (model.levels.alphas[int(one)] for one in (now, after))
    picture = (x - (1 - alpha).sqrt() * noise) / alpha.sqrt()
    return after_alpha.sqrt() * picture + (1 - after_alpha).sqrt() * lead
