"""What a network adds to one layer at weight 1: the contract between algorithms and the engine.

Every form is linear in the weight m: the engine adds m · D(x, Wx), so that strength is always a
lerp, W + m(W' − W), and several networks add up relative to the original weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(slots=True)
class Layer:
    """The base layer as algorithms see it: its weight and its operation without bias.

    `weight` is (o, i), (o, i, kh, kw) or, for a norm, (c,). `base(x)` is Wx (for a norm: the
    normalised x without weight and bias). `stride`, `padding`, `dilation`, `groups` are the
    convolution's, neutral for a linear layer.
    """

    kind: Literal["linear", "conv", "norm"]
    weight: Tensor
    bias: Tensor | None
    base: Callable[[Tensor], Tensor]
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[int, ...] | str = (0, 0)
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1
    # "circular" while the webui's tiling is on; `border` = F.pad's (left, right, top, bottom).
    padding_mode: str = "zeros"
    border: tuple[int, ...] = (0, 0, 0, 0)

    def apply(self, x: Tensor, weight: Tensor) -> Tensor:
        """`weight` in the place of W: (…, i) → (…, o) or (n, i, h, w) → (n, o, h', w')."""
        if self.kind != "conv":
            return F.linear(x, weight)
        padding = self.padding
        if self.padding_mode != "zeros":
            x, padding = F.pad(x, self.border, mode=self.padding_mode), (0, 0)
        return F.conv2d(x, weight, None, self.stride, padding, self.dilation, self.groups)

    def pointwise(self, x: Tensor, weight: Tensor) -> Tensor:
        """A (o, r) matrix on the channels of x, stride 1."""
        return F.conv2d(x, weight[..., None, None]) if self.kind == "conv" else F.linear(x, weight)


@dataclass(slots=True)
class Delta:
    """D(x, Wx). `bias` (o,) is added along with it, times the same m."""

    # "x": D needs x only. "wx": Wx too. "input": D acts on the layer's input (see InputMap).
    reads: ClassVar[Literal["x", "wx", "input"]] = "x"
    bias: Tensor | None = field(default=None, kw_only=True)

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """The change of the layer's output at weight 1, without `bias`."""
        raise NotImplementedError

    def tensors(self) -> Iterator[Tensor]:
        """What it holds, for accounting."""
        for item in fields(self):
            value = getattr(self, item.name)
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, Tensor):
                    yield part
                elif isinstance(part, Delta):
                    yield from part.tensors()

    def to(self, device: torch.device, dtype: torch.dtype) -> Delta:
        """Itself on another device or in another dtype; index tensors keep theirs."""
        if all(
            tensor.device == device and (tensor.dtype == dtype or not tensor.is_floating_point())
            for tensor in self.tensors()
        ):
            return self

        def moved(value: object) -> object:
            if isinstance(value, tuple):
                return tuple(moved(part) for part in value)
            if isinstance(value, Delta):
                return value.to(device, dtype)
            if isinstance(value, Tensor):
                return value.to(device, dtype if value.is_floating_point() else None)
            return value

        values: dict[str, Any] = {f.name: moved(getattr(self, f.name)) for f in fields(self)}
        return replace(self, **values)


@dataclass(slots=True)
class LowRank(Delta):
    """up(mid(down x)); scale is folded into `up`. Several without `mid` are joined into one pass.

    linear: down (r, i), up (o, r). conv: down (r, i, kh, kw) with the layer's stride and padding,
    up (o, r); with `mid` (r, r, kh, kw), down is (r, i) and the mid carries stride and padding.
    """

    down: Tensor
    up: Tensor
    mid: Tensor | None = None

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        if self.mid is not None:
            h = layer.apply(layer.pointwise(x, self.down), self.mid)
        else:
            h = layer.apply(x, self.down)  # (…, r)
        return layer.pointwise(h, self.up)


@dataclass(slots=True)
class Dense(Delta):
    """ΔW x, for algorithms with nothing cheaper. `weight` has W's shape."""

    weight: Tensor

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        return layer.apply(x, self.weight)


@dataclass(slots=True)
class OutputMap(Delta):
    """A function of Wx (no bias), and of x where it wants: returns the change, f(Wx) − Wx.

    Subclass and override `__call__`; OFT, BOFT, IA3, output-axis DoRA.
    """

    reads: ClassVar[Literal["x", "wx", "input"]] = "wx"


@dataclass(slots=True)
class InputMap(Delta):
    """A change of the layer's input: D = W(shift(x) − x) + after(shift(x)).

    Alone on its layer it costs no second base product: the engine runs W on x + m(shift(x) − x).
    Subclass and override `shift`, and `after` where something is added on the changed input
    (input-axis DoRA: shift = x·d/‖V‖, after = s·B·A·x').
    """

    reads: ClassVar[Literal["x", "wx", "input"]] = "input"

    def shift(self, layer: Layer, x: Tensor) -> Tensor:
        """The input that the changed layer would see at weight 1."""
        raise NotImplementedError

    def after(self, layer: Layer, shifted: Tensor) -> Tensor:
        """What is added to the output besides W(shifted), at weight 1, where there is any."""
        raise NotImplementedError

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        shifted = self.shift(layer, x)
        change = layer.base(shifted - x)
        if type(self).after is InputMap.after:
            return change
        return change + self.after(layer, shifted)
