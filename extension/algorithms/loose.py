"""Shapes that differ from the layer's and still mean it.

Files hold 1x1 convolutions for linear layers and the other way round, 1x1 kernels for 3x3 layers
(old OneTrainer: the centre tap), kernels flattened into the input, and 4 channels for the 9 of an
inpainting model's first layer or the 8 of pix2pix (the others get nothing).
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from ..errors import ModuleError
from ..words import Kind
from .registry import Shape

LATENT = 4
WIDENED = (8, 9)  # pix2pix, inpainting


def matrix_shape(slot: str, shape: Shape) -> tuple[int, int]:
    """(rows, columns) of a factor that is a matrix, written (r, c) or (r, c, 1, 1)."""
    if len(shape) < 2 or math.prod(shape[2:]) != 1:
        raise ModuleError(f"{slot} should be a matrix or a 1x1 convolution and is {shape}")
    return shape[0], shape[1]


def matrix(tensor: Tensor) -> Tensor:
    """(r, c) of (r, c) or (r, c, 1, 1)."""
    return tensor.reshape(tensor.shape[0], tensor.shape[1])


def check(made: Shape, kind: Kind, shape: Shape) -> None:
    """Raises ModuleError unless ΔW of shape `made` can go on W of shape `shape`."""
    if kind == "norm" or len(made) < 2:
        if math.prod(made) != math.prod(shape) or made[0] != shape[0]:
            raise ModuleError(f"changes a weight of shape {made}, the layer's is {shape}")
        return
    if made[0] != shape[0]:
        raise ModuleError(f"has {made[0]} outputs, the layer has {shape[0]}")
    _check_input(made[1:], shape[1:])


def _check_input(made: Shape, host: Shape) -> None:
    """Both (i[, kh, kw])."""
    if len(made) == 1 and made[0] == math.prod(host):
        return
    channels, kernel = host[0], host[1:]
    widened = channels in WIDENED and made[0] == LATENT and kernel
    if made[0] != channels and not widened:
        raise ModuleError(f"has {made[0]} inputs, the layer has {channels}")
    if math.prod(made[1:]) != 1 and made[1:] != kernel:
        layer = f"a {_kernel(kernel)} kernel" if kernel else "none"
        raise ModuleError(f"has a {_kernel(made[1:])} kernel, the layer has {layer}")


def onto(made: Tensor, shape: Shape) -> Tensor:
    """`made` (rows, i[, kh, kw]) as (rows, *shape[1:]): reshaped, or padded with zeros."""
    goal = (made.shape[0], *shape[1:])
    if made.numel() == math.prod(goal):
        return made.reshape(goal)
    if len(shape) == 4:
        made = made.reshape(made.shape[0], made.shape[1], *(made.shape[2:] or (1, 1)))
        height, width = shape[2] - made.shape[2], shape[3] - made.shape[3]
        taps = (width // 2, width - width // 2, height // 2, height - height // 2)
        return F.pad(made, (*taps, 0, shape[1] - made.shape[1]))
    raise ModuleError(f"makes {tuple(made.shape)}, the layer's weight is {shape}")


def _kernel(size: Shape) -> str:
    return "x".join(map(str, size))
