"""Sizes that a UNet cannot halve evenly: enlarged again as the webui does it.

Where a side of the latents is odd on the way in, diffusers enlarges to that size and convolves
then; the webui's UNet convolves the doubled size, which is fitted after that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn
from torch.nn import functional as F


def fit_after_convolving(unet: nn.Module) -> None:
    """From now on, so does this UNet. Of sizes that are even throughout nothing changes."""
    for module in unet.modules():
        if isinstance(module, Upsample2D):
            # The instance's own: a subclass would change what the layers' blocks are taken for.
            vars(module)["forward"] = partial(_forward, module.forward)


def _forward(
    own: Callable[..., Tensor], states: Tensor, output_size: Any = None, *rest: Any, **more: Any
) -> Tensor:
    found = own(states, None, *rest, **more)
    if output_size is None or tuple(found.shape[2:]) == tuple(output_size):
        return found
    return F.interpolate(found, size=tuple(output_size), mode="nearest")
