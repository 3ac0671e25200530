"""Convolutions over images."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from torch import Tensor, nn

from ...deltas import Layer
from ...records import Kind, Shape
from .whole_module import ModuleSite, integers, is_leaf, unpacked, weight_of

SETTINGS = ("stride", "padding", "dilation", "groups")


class ConvSite(ModuleSite):
    """y = W ∗ x + b, (n, i, h, w) → (n, o, h', w'): nn.Conv2d or what has its attributes."""

    __slots__ = ()
    kind: ClassVar[Kind] = "conv"
    torch_class: ClassVar[type[nn.Module]] = nn.Conv2d
    channel_dim: ClassVar[int] = -3

    @classmethod
    def claims(cls, module: nn.Module) -> bool:
        """No transposed convolution, none over sequences or volumes, none without its weight."""
        known = isinstance(module, nn.Conv2d)
        alike = known or all(hasattr(module, name) for name in SETTINGS)
        return alike and _sizes(module) is not None and (known or is_leaf(module))

    @property
    def shape(self) -> Shape:
        """(o, i / groups, kh, kw)."""
        sizes = _sizes(self.module)
        assert sizes is not None
        return sizes

    def base(self, x: Tensor) -> Tensor:
        """Wx, (n, i, h, w) → (n, o, h', w')."""
        return self.forward_without_bias(x)

    def layer(self) -> Layer:
        """The layer with the stride, padding and so on of this moment."""
        conv = cast(Any, self.module)
        layer = ModuleSite.layer(self)
        layer.stride, layer.dilation = _pair(conv.stride), _pair(conv.dilation)
        layer.padding = conv.padding if isinstance(conv.padding, str) else _pair(conv.padding)
        layer.groups = conv.groups
        layer.padding_mode = getattr(conv, "padding_mode", "zeros")
        if layer.padding_mode != "zeros":
            layer.border = tuple(conv._reversed_padding_repeated_twice)
        return layer


def _sizes(module: nn.Module) -> Shape | None:
    """(o, i / groups, kh, kw), from the kernels or from what the module says of itself."""
    weight = weight_of(module)
    if weight is None or getattr(module, "transposed", False):
        return None
    if unpacked(weight):
        return tuple(weight.shape) if weight.dim() == 4 else None
    kernel = _pair(getattr(module, "kernel_size", None))
    declared = integers(module, "out_channels", "in_channels", "groups")
    if declared is None or len(kernel) != 2:
        return None
    outputs, inputs, groups = declared
    return (outputs, inputs // groups, *kernel)


def _pair(setting: Any) -> tuple[int, ...]:
    """As nn.Conv2d keeps it: one number stands for both axes."""
    return (setting, setting) if isinstance(setting, int) else tuple(setting or ())
