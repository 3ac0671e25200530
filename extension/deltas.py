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

from .records import Kind, Shape


@dataclass(slots=True)
class Layer:
    """The base layer as algorithms see it: W, and its operation without bias.

    `shape` is (o, i), (o, i / groups, kh, kw) or, for a norm, (c,). `dtype` is the one W is stored
    in, `device` where W is: the CPU while its host keeps it elsewhere. `base(x)` is Wx in the
    shape of the layer's output; for a norm it is the normalised x, before weight and bias.
    `channel_dim` is the dimension of inputs and outputs that counts channels. `stride`, `padding`,
    `dilation` and `groups` are a convolution's.
    """

    kind: Kind
    shape: Shape
    read: Callable[[], Tensor]  # W's values; ModuleError where the host does not give them
    bias: Tensor | None  # (o,)
    base: Callable[[Tensor], Tensor]
    dtype: torch.dtype
    device: torch.device
    channel_dim: int = -1
    stride: tuple[int, ...] = (1, 1)
    padding: tuple[int, ...] | str = (0, 0)
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1
    # "circular" while the webui's tiling is on; `border` = F.pad's (left, right, top, bottom).
    padding_mode: str = "zeros"
    border: tuple[int, ...] = (0, 0, 0, 0)

    @classmethod
    def of(
        cls,
        kind: Kind,
        weight: Tensor,
        bias: Tensor | None,
        base: Callable[[Tensor], Tensor],
        **settings: Any,
    ) -> Layer:
        """A layer whose weight is a plain tensor."""
        settings.setdefault("channel_dim", -3 if kind == "conv" else -1)
        shape = tuple(weight.shape)
        return cls(kind, shape, lambda: weight, bias, base, weight.dtype, weight.device, **settings)

    @property
    def weight(self) -> Tensor:
        """W's values, in `shape`. Raises ModuleError where a quantised layer does not give them.

        What only asks for the shape, dtype or device asks the layer: reading may be slow.
        """
        return self.read()

    def apply(self, x: Tensor, weight: Tensor) -> Tensor:
        """`weight` in place of W: (…, i) → (…, o) or (n, i, h, w) → (n, o, h', w')."""
        if self.kind != "conv":
            return F.linear(x, weight)
        padding = self.padding
        if self.padding_mode != "zeros":
            x, padding = F.pad(x, self.border, mode=self.padding_mode), (0, 0)
        return F.conv2d(x, weight, None, self.stride, padding, self.dilation, self.groups)

    def pointwise(self, x: Tensor, weight: Tensor) -> Tensor:
        """A matrix (o, r) on the channels of x, at stride 1: (…, r) → (…, o)."""
        return F.conv2d(x, weight[..., None, None]) if self.kind == "conv" else F.linear(x, weight)

    def along(self, vector: Tensor, values: Tensor) -> Tensor:
        """(c,) so that it broadcasts over inputs or outputs `values` of c channels."""
        return along(vector, values, self.channel_dim)


def along(vector: Tensor, values: Tensor, channel_dim: int) -> Tensor:
    """(c,) so that it broadcasts over values (…, c, …) whose channels are that dimension."""
    behind = values.dim() - 1 - channel_dim % values.dim()
    return vector.view(-1, *[1] * behind)


@dataclass(slots=True)
class Delta:
    """D(x, Wx). `bias` (o,) is added along with it, times the same m."""

    # "x": D needs x only. "wx": Wx too. "input": D acts on the layer's input (see InputMap).
    reads: ClassVar[Literal["x", "wx", "input"]] = "x"
    bias: Tensor | None = field(default=None, kw_only=True)
    # Made from the layer's own weights, so that another checkpoint needs another delta.
    from_base: bool = field(default=False, kw_only=True)

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
    """A change of the layer's input: D = W(shift(x) − x) + inner(shift(x)).

    Alone on its layer it costs no second base product: the engine runs W on x + m(shift(x) − x).
    Subclass and override `shift`. `inner` is what acts on the changed input, where something does
    (input-axis DoRA: shift = x·d/‖V‖, inner = s·B·A); its `bias` is not used.
    """

    reads: ClassVar[Literal["x", "wx", "input"]] = "input"
    inner: Delta | None = field(default=None, kw_only=True)

    def shift(self, layer: Layer, x: Tensor) -> Tensor:
        """The input that the changed layer would see at weight 1, in x's shape and dtype."""
        raise NotImplementedError

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        shifted = self.shift(layer, x)
        change = layer.base(shifted - x)
        return change if self.inner is None else change + self.inner(layer, shifted)
