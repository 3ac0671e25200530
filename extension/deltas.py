"""What a network adds to one layer at weight 1: the contract between algorithms and the engine.

Every form is linear in the weight m: the engine adds m · D(x, Wx), so that the weight is always a
lerp, W + m(W' − W), and several networks add up relative to the original W. m is a number for the
whole call, or one number for each row of its batch; it multiplies D's output row by row, and an
`InputMap`'s change of the input likewise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from operator import is_
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from .records import Kind, Shape

TensorMap = Callable[[Tensor], Tensor]


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
    base: TensorMap
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
        cls, kind: Kind, weight: Tensor, bias: Tensor | None, base: TensorMap, **settings: Any
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
    return vector.view(-1, *[1] * (values.dim() - 1 - channel_dim % values.dim()))


@dataclass(slots=True)
class Delta:
    """D(x, Wx), the change of a layer's output at weight 1.

    `reads` says what D needs: "x" alone; "wx", so Wx as well; "input": it is an `InputMap`.
    `bias` (o,) is added besides, times the same m. `from_base` is true where D was made from the
    layer's own weights, so that another checkpoint needs another delta.
    """

    reads: ClassVar[Literal["x", "wx", "input"]] = "x"
    bias: Tensor | None = field(default=None, kw_only=True)
    from_base: bool = field(default=False, kw_only=True)

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """The change at weight 1, without `bias`, in the shape of the layer's output.

        Args:
            x: the layer's input with its rows first: (rows, …, i), or (rows, i, h, w) for a
                convolution; a stretch of the batch's rows where the others have weight 0.
            wx: the layer's output for x without its bias, (rows, …, o) or (rows, o, h', w');
                given where `reads` is "wx".

        Both have the dtype of the layer's output, and so has the delta.
        """
        raise NotImplementedError

    def delta_weight(self, layer: Layer) -> Tensor:
        """ΔW in W's shape: what it answers to unit inputs, which is right for every algorithm.

        `layer` has plain weights of the delta's dtype (`Layer.of`), as its `base` is asked.
        """
        if layer.kind == "norm":
            ones = torch.ones(1, *layer.shape, dtype=layer.dtype, device=layer.device)
            return self(layer, ones, ones)[0]
        settings: dict[str, Any] = {"padding": (0, 0), "padding_mode": "zeros"}
        unit = replace(layer, stride=(1, 1), dilation=(1, 1), **settings)
        unit.base = lambda x: unit.apply(x, layer.weight)
        answers = [self(unit, x, wx) for x, wx in _unit_inputs(layer)]
        flat = torch.cat(answers).flatten(1)  # (i / groups · kh · kw, o)
        return flat.t().reshape(layer.shape)

    def tensors(self) -> Iterator[Tensor]:
        """All tensors it holds, those of deltas inside it included."""
        for item in fields(self):
            value = getattr(self, item.name)
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, Tensor):
                    yield part
                elif isinstance(part, Delta):
                    yield from part.tensors()

    def to(self, device: torch.device, dtype: torch.dtype) -> Delta:
        """Its equal on this device and in this dtype; integer tensors keep their dtype."""

        def moved(one: Tensor) -> Tensor:
            to = dtype if one.is_floating_point() else one.dtype
            return one.to(device, to, non_blocking=device.type != "cpu")

        made = self.mapped(moved)
        return self if all(map(is_, made.tensors(), self.tensors())) else made

    def mapped(self, of: TensorMap) -> Delta:
        """With `of(tensor)` in the place of each of its tensors."""

        def changed(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(changed(part) for part in value)
            if isinstance(value, Delta):
                return value.mapped(of)
            return of(value) if isinstance(value, Tensor) else value

        return replace(self, **{f.name: changed(getattr(self, f.name)) for f in fields(self)})


def _unit_inputs(layer: Layer, most: int = 512) -> Iterator[tuple[Tensor, Tensor]]:
    """1 in one place (of every group) and 0 elsewhere, (n, i) or (n, i, kh, kw), and W times it."""
    tail = (1,) * (len(layer.shape) - 2)
    for number, wx in enumerate(torch.split(layer.weight.flatten(1).t(), most)):
        x = wx.new_zeros(len(wx), math.prod(layer.shape[1:]))
        x.diagonal(number * most).fill_(1)
        x = x.view(-1, *layer.shape[1:]).repeat(1, layer.groups, *tail)
        yield x, wx.reshape(*wx.shape, *tail)


@dataclass(slots=True)
class LowRank(Delta):
    """up(mid(down x)), with the scale α/r inside `up`. Several without `mid` are run as one.

    On a linear layer down is (r, i) and up (o, r). On a convolution down is (r, i, kh, kw), with
    the layer's stride and padding, and up (o, r); with a Tucker core `mid` (r, r, kh, kw) down is
    (r, i) and the core has stride and padding.
    """

    down: Tensor
    up: Tensor
    mid: Tensor | None = None
    common: object = field(default=None, kw_only=True)  # deltas with an equal one have the same A

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        return layer.pointwise(self.hidden(layer, x), self.up)

    def hidden(self, layer: Layer, x: Tensor) -> Tensor:
        """What `up` is applied to: (rows, …, r), or (rows, r, h', w') on a convolution."""
        inner = self.down if self.mid is None else self.mid
        return layer.apply(x if self.mid is None else layer.pointwise(x, self.down), inner)

    def delta_weight(self, layer: Layer) -> Tensor:
        """B A; with a core Σ_pq up[o, p] mid[p, q, kl] down[q, i]."""
        down = self.down
        if self.mid is not None:
            down = torch.einsum("pqhw,qi->pihw", self.mid, self.down)
        return (self.up @ down.flatten(1)).view(layer.shape)


@dataclass(slots=True)
class Dense(Delta):
    """ΔW x, for algorithms with nothing cheaper. `weight` is ΔW in W's shape."""

    weight: Tensor

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        return layer.apply(x, self.weight)

    def delta_weight(self, layer: Layer) -> Tensor:
        """As it is."""
        return self.weight


@dataclass(slots=True)
class OutputMap(Delta):
    """A function f of Wx, and of x where it likes; the change is f(Wx) − Wx.

    OFT, BOFT, IA3, DoRA with lengths of the outputs. Subclasses override `__call__`.
    """

    reads: ClassVar[Literal["x", "wx", "input"]] = "wx"


@dataclass(slots=True)
class InputMap(Delta):
    """A change of the layer's input: D = W(shift(x) − x) + inner(shift(x)).

    The first part costs no second base product: the engine runs W on x + m(shift(x) − x), with
    m for the rows of the input. `inner` is a delta on the changed input, where there is one (DoRA
    with lengths of the inputs: shift = x ∘ d/‖V‖, inner = s·B·A); its `bias` is not used.
    """

    reads: ClassVar[Literal["x", "wx", "input"]] = "input"
    inner: Delta | None = field(default=None, kw_only=True)

    def shift(self, layer: Layer, x: Tensor) -> Tensor:
        """The input that W gets at weight 1: x (rows, …, i) or (rows, i, h, w), the same shape."""
        raise NotImplementedError

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        shifted = self.shift(layer, x)
        change = layer.base(shifted - x)
        return change if self.inner is None else change + self.inner(layer, shifted)
