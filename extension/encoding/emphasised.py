"""Emphasis on what a text encoder said: z·w per token, and the mean of z as it was before.

The means are those of all entries of one text together, chunk by chunk, as the webui encodes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .settings import EmphasisMode

SMALLEST = 1e-6  # of a mean, to the size of what it is the mean of


def emphasised(z: Tensor, weights: Sequence[Sequence[float]], mode: EmphasisMode) -> Tensor:
    """z: (entries, tokens, width); a weight for each token. Weights of 1 change no bit."""
    if mode not in ("Original", "No norm") or all(w == 1.0 for row in weights for w in row):
        return z
    factors = torch.tensor(weights, device=z.device)[..., None]  # fp32, as the webui has them
    weighted = z * factors
    if mode == "Original":
        before, after = z.mean(), weighted.mean()
        # Of random encoders the mean is 0 but for rounding: there is none to restore.
        if min(before.abs(), after.abs()) > SMALLEST * z.abs().mean():
            weighted = weighted * (before / after)
    return weighted.to(z.dtype)
