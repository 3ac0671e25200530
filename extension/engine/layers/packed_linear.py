"""Linear layers whose weight only the module itself can unpack: gguf, nf4, fp8 with a scale.

Forge's and Forge Neo's are of this kind; what tells them is on their weight, not their class.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from ...records import Shape
from .linear import LinearSite
from .whole_module import is_leaf, weight_of

SHAPES = ("real_shape", "quant_shape")  # of gguf weights in Forge and in diffusers


class PackedLinearSite(LinearSite):
    """y = W x + b, (…, i) → (…, o), by the module's own forward alone."""

    __slots__ = ()

    @classmethod
    def claims(cls, module: nn.Module) -> bool:
        """A layer by name whose weight says which shape it stands for, or has a scale beside it."""
        return _shape(module) is not None and is_leaf(module)

    @property
    def shape(self) -> Shape:
        """(o, i) of the weight that is meant."""
        shape = _shape(self.module)
        assert shape is not None
        return shape

    @property
    def weight(self) -> Tensor:
        """W by its answers to unit inputs."""
        return self.answers()

    def base(self, x: Tensor) -> Tensor:
        """Wx, (…, i) → (…, o)."""
        return self.forward_without_bias(x)


def _shape(module: nn.Module) -> Shape | None:
    """The logical (o, i): gguf's weight knows it, nf4's keeps it with its quantisation."""
    weight = weight_of(module)
    if weight is None or not any("Linear" in kind.__name__ for kind in type(module).__mro__):
        return None
    state = getattr(weight, "quant_state", None)
    named = (getattr(weight, name, None) for name in SHAPES)
    logical = next(filter(None, named), None) or getattr(state, "shape", None)
    if logical is None and isinstance(getattr(module, "scale_weight", None), Tensor):
        logical = weight.shape
    return cast(Shape, tuple(logical)) if logical is not None and len(logical) == 2 else None
