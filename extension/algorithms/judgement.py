"""What a run would say of a module's values, without a model: used to inspect files.

The module is built as a run builds it, on a layer that has a shape and no weights, so that both
have one rule for what is damaged. An algorithm that reads the weights of the layer (DoRA's
lengths, the rotations' products are W's own) is judged by the tensors it uses alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..deltas import Layer
from ..errors import ModuleError
from ..records import Kind, Shape
from .base import Algorithm
from .sanity import demand_finite

DTYPE = torch.float32


class Hidden(ModuleError):
    """The layer's weights were asked for."""


def demand_sound(algorithm: Algorithm, kind: Kind | None = None, shape: Shape = ()) -> None:
    """ModuleError where a run would refuse the module for its values.

    `kind` and `shape` are the layer's; without them its own tensors tell, if they can.
    """
    if kind is None:
        kind, shape = _own_shape(algorithm)
    if kind is None or not _was_built(algorithm, kind, shape):
        _demand_sound_tensors(algorithm)


def _was_built(algorithm: Algorithm, kind: Kind, shape: Shape) -> bool:
    """Builds it; False where it would need the layer's weights."""
    layer = Layer(kind, shape, _hidden, None, _never, DTYPE, torch.device("cpu"))
    try:
        algorithm.runtime(layer, dtype=DTYPE)
    except Hidden:
        return False
    return True


def _demand_sound_tensors(algorithm: Algorithm) -> None:
    if "alpha" in algorithm.used:
        _ = algorithm.alpha  # raises where it is no scale
    for tensor in algorithm.used.values():
        demand_finite(tensor, algorithm.used)


def _own_shape(algorithm: Algorithm) -> tuple[Kind | None, Shape]:
    """The layer that the file's tensors are for, as far as they tell."""
    try:
        shape = algorithm.delta_shape()
    except NotImplementedError:
        return None, ()
    return ("conv" if len(shape) == 4 else "linear"), shape


def _hidden() -> Tensor:
    raise Hidden("base-weights", "its weights are not known")


def _never(x: Tensor) -> Tensor:
    raise AssertionError(f"no layer is called to judge a module ({tuple(x.shape)})")
