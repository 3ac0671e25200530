"""Linear layers: nn.Linear, and the classes that hosts have in its place."""

from __future__ import annotations

from functools import reduce
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...records import Kind, Shape
from .whole_module import WIDE, ModuleSite, integers, is_leaf, unpacked, weight_of

PLAIN = (Tensor, nn.Parameter, nn.Buffer) if hasattr(nn, "Buffer") else (Tensor, nn.Parameter)


class LinearSite(ModuleSite):
    """y = W x + b, (…, i) → (…, o).

    A linear layer is not always an nn.Linear: Forge's is a class of its own, and its weight may be
    packed. It is known by `in_features` and `out_features`, or by its name and a matrix.
    """

    __slots__ = ()
    kind: ClassVar[Kind] = "linear"
    torch_class: ClassVar[type[nn.Module]] = nn.Linear

    @classmethod
    def claims(cls, module: nn.Module) -> bool:
        """nn.Linear or what works like one; not before its weight is there."""
        return _sizes(module) is not None and (isinstance(module, nn.Linear) or is_leaf(module))

    @property
    def shape(self) -> Shape:
        """(o, i)."""
        sizes = _sizes(self.module)
        assert sizes is not None
        return sizes

    @property
    def weight(self) -> Tensor:
        """W; of a quantising subclass of Tensor (torchao's) by the answers to unit inputs."""
        weight = ModuleSite.weight.__get__(self)
        return weight if type(weight) in PLAIN else self.answers()

    def answers(self) -> Tensor:
        """What the layer answers to unit inputs, (o, i), in the dtype that it says it computes in.

        Else in the widest that it holds. Some convert what they hold to the dtype of their input,
        and keep it so: asked in a narrower one they would lose digits for good.
        """
        held = [t.dtype for t in (self.stored, self.bias) if t is not None and t.dtype in WIDE]
        dtype = getattr(self.module, "compute_dtype", None)
        if dtype is None:
            dtype = reduce(torch.promote_types, held, torch.float16) if held else torch.float32
        units = torch.eye(self.shape[1], dtype=dtype, device=self.stored.device)
        with torch.no_grad():
            return self.base(units).t()

    def base(self, x: Tensor) -> Tensor:
        """Wx, (…, i) → (…, o)."""
        # Of the class or of the instance, as offloading puts it there: a forward of its own counts.
        if getattr(self.module.forward, "__func__", None) is nn.Linear.forward:
            return F.linear(x, self.stored)
        return self.forward_without_bias(x)


def _sizes(module: nn.Module) -> Shape | None:
    """(o, i), from the matrix where it is one and else from what the module says of itself."""
    weight = weight_of(module)
    if weight is None:
        return None
    declared = integers(module, "out_features", "in_features")
    known = isinstance(module, nn.Linear)
    if not unpacked(weight):
        return declared
    if weight.dim() != 2:
        return declared if known else None
    named = any("Linear" in kind.__name__ for kind in type(module).__mro__)
    shape = tuple(weight.shape)
    # A matrix that contradicts the sizes is stored in some other order.
    agreed = known or (named if declared is None else declared == shape)
    return shape if agreed else None
