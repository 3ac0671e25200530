"""Shapes in files that differ from the layer's, and what they mean.

Files hold 1x1 convolutions for linear layers and the other way round, 1x1 kernels for 3x3 layers
(old OneTrainer: the centre tap), kernels flattened into the input, and 4 channels for the 9 of an
inpainting model's first layer or the 8 of pix2pix (the others get nothing).
"""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from ..errors import ModuleError
from ..records import Kind, Shape

LATENT = 4
WIDENED = (8, 9)  # pix2pix, inpainting


def matrix_shape(slot: str, shape: Shape) -> tuple[int, int]:
    """(rows, columns) of a factor that is a matrix, written (r, c) or (r, c, 1, 1)."""
    if len(shape) < 2 or math.prod(shape[2:]) != 1:
        raise ModuleError(
            "form", f"{slot} has shape {shape}; expected a matrix or a 1x1 convolution"
        )
    return shape[0], shape[1]


def matrix(tensor: Tensor) -> Tensor:
    """(r, c) of (r, c) or (r, c, 1, 1)."""
    return tensor if tensor.dim() == 2 else tensor.reshape(tensor.shape[:2])


def inputs(made: Shape, host: Shape) -> Shape:
    """What (i[, kh, kw]) of a file means for a layer's: flattened kernels are unfolded."""
    if len(host) > 1 and len(made) == 1:
        return _unflattened(made[0], host)
    if math.prod(made[1:]) == 1:
        return (made[0], *[1] * (len(host) - 1))
    return made


def _unflattened(columns: int, host: Shape) -> Shape:
    if columns == math.prod(host):
        return host
    if host[0] in WIDENED and columns == LATENT * math.prod(host[1:]):
        return (LATENT, *host[1:])
    return (columns, 1, 1)


def refuse_norm(kind: Kind) -> None:
    """Raises ModuleError where the layer is a norm."""
    if kind == "norm":
        raise ModuleError("kind", "is for linear layers and convolutions; this layer is a norm")


def check(made: Shape, kind: Kind, shape: Shape) -> None:
    """Raises ModuleError unless ΔW of shape `made` can go on W of shape `shape`."""
    if min(len(made), len(shape)) < 2:
        if math.prod(made) != math.prod(shape) or len(shape) > 1:
            raise ModuleError(
                "shape", f"is for a weight of shape {made}; the {kind} layer's is {shape}"
            )
        return
    if made[0] != shape[0]:
        raise ModuleError("shape", f"is for {made[0]} outputs; the layer has {shape[0]}")
    _check_inputs(inputs(made[1:], shape[1:]), shape[1:])


def _check_inputs(made: Shape, host: Shape) -> None:
    """Both (i[, kh, kw])."""
    widened = host[0] in WIDENED and made[0] == LATENT and len(host) > 1
    if made[0] != host[0] and not widened:
        raise ModuleError("shape", f"is for {made[0]} inputs; the layer has {host[0]}")
    if math.prod(made[1:]) != 1 and made[1:] != host[1:]:
        layer = f"a {_kernel(host[1:])} kernel" if len(host) > 1 else "none"
        raise ModuleError("shape", f"is for a {_kernel(made[1:])} kernel; the layer has {layer}")


def narrowed(made: Shape, shape: Shape) -> bool:
    """Has the file fewer input channels than the layer of this shape?"""
    return inputs(made[1:], shape[1:])[0] != shape[1]


def onto(made: Tensor, shape: Shape) -> Tensor:
    """`made` (rows, i[, kh, kw]) as (rows, *shape[1:]): reshaped, or padded with zeros."""
    goal = shape[1:]
    if not goal:
        return made.reshape(shape)
    meant = inputs(tuple(made.shape[1:]), goal)
    made = made.reshape(made.shape[0], *meant)
    if meant == goal:
        return made
    height, width = goal[1] - meant[1], goal[2] - meant[2]
    taps = (width // 2, width - width // 2, height // 2, height - height // 2)
    return F.pad(made, (*taps, 0, goal[0] - meant[0]))


def _kernel(size: Shape) -> str:
    return "x".join(map(str, size))
