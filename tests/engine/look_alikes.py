"""Layers as hosts really have them: not always torch's classes, nor their weights in plain sight.

Each is made from one of torch's own layers, `plain`, and computes what that would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Linear(nn.Module):
    """Forge's: no nn.Linear, nothing but weight and bias, which are cast when it is called."""

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = plain.weight, plain.bias

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x)
        return F.linear(x, self.weight.to(x), bias)


class Projector(nn.Module):
    """Known by its sizes alone."""

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = plain.in_features, plain.out_features
        self.weight, self.bias = plain.weight, plain.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class Float8Linear(nn.Linear):
    """nn.Linear with its weight in 8 bits."""

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__(plain.in_features, plain.out_features)
        plain.weight.data = plain.weight.data.to(torch.float8_e4m3fn).float()
        self.weight = nn.Parameter(plain.weight.to(torch.float8_e4m3fn), requires_grad=False)
        self.bias = plain.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x), self.bias)


class Nibbles(Projector):
    """Two numbers of 4 bits in a byte, in one column of bytes: the shape says nothing."""

    SCALE = 0.25

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__(plain)
        codes = (plain.weight.data / self.SCALE + 8).round().clamp(0, 15).to(torch.uint8).flatten()
        packed = codes[::2] * 16 + codes[1::2]
        self.weight = nn.Parameter(packed[:, None], requires_grad=False)
        plain.weight.data = self.unpacked()

    def unpacked(self) -> Tensor:
        codes = torch.stack([self.weight[:, 0] // 16, self.weight[:, 0] % 16], dim=1)
        return (codes.float() - 8).mul(self.SCALE).view(self.out_features, self.in_features)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.unpacked().to(x), self.bias)


class Offloaded(nn.Linear):
    """Its weight is elsewhere until it is called."""

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__(plain.in_features, plain.out_features, device="meta")
        self.kept = [plain.weight.data, plain.bias.data]

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, *self.kept)


class Flattened(nn.Linear):
    """All parameters in one row, as sharding keeps them."""

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__(plain.in_features, plain.out_features)
        self.weight = nn.Parameter(plain.weight.data.flatten(), requires_grad=False)
        self.bias = plain.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.view(self.out_features, -1), self.bias)


class ScaledLinear(Float8Linear):
    """8 bits and a factor for all of them, as scaled fp8 checkpoints have it."""

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__(plain)
        self.scale_weight = nn.Parameter(torch.tensor(0.5), requires_grad=False)
        plain.weight.data *= 0.5

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x) * self.scale_weight.to(x), self.bias)


class GgufLinear(nn.Module):
    """Forge's for gguf: no sizes of its own, its weight is bytes that know what they stand for.

    It converts its bias to the dtype of its input, and keeps it so.
    """

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__()
        levels = (plain.weight.data * 64).round().clamp(-127, 127).to(torch.int8)
        plain.weight.data = levels.float() / 64
        self.weight = nn.Parameter(levels.flatten().view(torch.uint8), requires_grad=False)
        self.weight.real_shape = plain.weight.shape  # type: ignore[attr-defined]
        self.bias = plain.bias

    def forward(self, x: Tensor) -> Tensor:
        if self.bias is not None and self.bias.dtype != x.dtype:
            self.bias = nn.Parameter(self.bias.data.to(x.dtype), requires_grad=False)
        shape = self.weight.real_shape  # type: ignore[attr-defined]
        return F.linear(x, self.weight.view(torch.int8).view(shape).to(x) / 64, self.bias)


def fetched(plain: nn.Linear) -> nn.Module:
    """An nn.Linear whose own forward was replaced, as offloading does."""
    module = nn.Linear(plain.in_features, plain.out_features, device="meta")
    module.forward = lambda input: F.linear(input, plain.weight, plain.bias)
    return module


class Conv(nn.Module):
    """The attributes of a convolution, one number for both axes."""

    def __init__(self, plain: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = plain.weight, plain.bias
        self.in_channels, self.out_channels = plain.in_channels, plain.out_channels
        self.kernel_size, self.stride = plain.kernel_size[0], plain.stride[0]
        self.padding, self.dilation = plain.padding[0], plain.dilation[0]
        self.groups = plain.groups

    def forward(self, x: Tensor) -> Tensor:
        options = (self.stride, self.padding, self.dilation, self.groups)
        return F.conv2d(x, self.weight, self.bias, *options)


class ByteConv(Conv):
    """Kernels of integers in one row for each output."""

    SCALE = 0.02

    def __init__(self, plain: nn.Conv2d) -> None:
        super().__init__(plain)
        codes = (plain.weight.data / self.SCALE).round().clamp(-127, 127)
        self.weight = nn.Parameter(codes.flatten(1).to(torch.int8), requires_grad=False)
        plain.weight.data = codes * self.SCALE

    def forward(self, x: Tensor) -> Tensor:
        size = (self.kernel_size, self.kernel_size)
        whole = self.weight.to(x).mul(self.SCALE).unflatten(1, (-1, *size))
        options = (self.stride, self.padding, self.dilation, self.groups)
        return F.conv2d(x, whole, self.bias, *options)


class OwnGroupNorm(nn.Module):
    """The attributes of a group norm."""

    def __init__(self, plain: nn.GroupNorm) -> None:
        super().__init__()
        self.num_groups, self.num_channels = plain.num_groups, plain.num_channels
        self.eps, self.weight, self.bias = plain.eps, plain.weight, plain.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


class OwnLayerNorm(nn.Module):
    """The attributes of a layer norm, its shape as one number."""

    def __init__(self, plain: nn.LayerNorm) -> None:
        super().__init__()
        self.normalized_shape = plain.normalized_shape[0]
        self.eps, self.weight, self.bias = plain.eps, plain.weight, plain.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, (self.normalized_shape,), self.weight, self.bias, self.eps)


@dataclass(frozen=True, slots=True)
class LookAlike:
    """One row of the table; `why` is what a delta that needs W is told where W is not given."""

    plain: Callable[[], nn.Module]
    make: Callable[..., nn.Module] = field(default=lambda plain: plain)
    shape: tuple[int, ...] = (4, 5, 6)  # of an input, rows first
    why: str = ""


def linear() -> nn.Module:
    return nn.Linear(6, 8)


def conv() -> nn.Module:
    return nn.Conv2d(6, 8, 3, stride=2, padding=1)


IMAGES = (4, 6, 7, 5)
LAYERS: Mapping[str, LookAlike] = {
    "linear": LookAlike(linear),
    "linear without bias": LookAlike(lambda: nn.Linear(6, 8, bias=False)),
    "linear on rows alone": LookAlike(linear, shape=(4, 6)),
    "linear by its name": LookAlike(linear, Linear),
    "the same without bias": LookAlike(lambda: nn.Linear(6, 8, bias=False), Linear),
    "the same in 16 bits": LookAlike(lambda: linear().bfloat16(), Linear),
    "linear by its sizes": LookAlike(linear, Projector),
    "linear in 8 bits": LookAlike(linear, Float8Linear),
    "linear in 4 bits": LookAlike(linear, Nibbles, why="stores uint8 (24, 1) for (8, 6)"),
    "scaled linear in 8 bits": LookAlike(linear, ScaledLinear),
    "linear of gguf": LookAlike(linear, GgufLinear),
    "linear of gguf without bias": LookAlike(lambda: nn.Linear(6, 8, bias=False), GgufLinear),
    "offloaded linear": LookAlike(linear, Offloaded, why="offloaded"),
    "linear fetched by its forward": LookAlike(linear, fetched, why="offloaded"),
    "flattened linear": LookAlike(linear, Flattened, why="stores float32 (48,) for (8, 6)"),
    "conv": LookAlike(conv, shape=IMAGES),
    "conv with a hole": LookAlike(lambda: nn.Conv2d(6, 8, 3, dilation=2), shape=IMAGES),
    "conv that keeps the size": LookAlike(lambda: nn.Conv2d(6, 8, 3, padding="same"), shape=IMAGES),
    "circular conv": LookAlike(
        lambda: nn.Conv2d(6, 8, 3, padding=(1, 0), padding_mode="circular"), shape=IMAGES
    ),
    "conv by its attributes": LookAlike(conv, Conv, shape=IMAGES),
    "conv in integers": LookAlike(conv, ByteConv, IMAGES, why="int8 (8, 54) for (8, 6, 3, 3)"),
}
NORMS: Mapping[str, LookAlike] = {
    "group norm": LookAlike(lambda: nn.GroupNorm(2, 6, eps=0.1), shape=IMAGES),
    "group norm on a sequence": LookAlike(lambda: nn.GroupNorm(2, 6, eps=0.1), shape=(4, 6, 5)),
    "group norm on rows": LookAlike(lambda: nn.GroupNorm(2, 6, eps=0.1), shape=(4, 6)),
    "own group norm": LookAlike(lambda: nn.GroupNorm(2, 6, eps=0.1), OwnGroupNorm, IMAGES),
    "layer norm": LookAlike(lambda: nn.LayerNorm(6, eps=0.1)),
    "layer norm without bias": LookAlike(lambda: nn.LayerNorm(6, bias=False)),
    "layer norm, channels last": LookAlike(lambda: nn.LayerNorm(6, eps=0.1), shape=(4, 5, 3, 6)),
    "own layer norm": LookAlike(lambda: nn.LayerNorm(6, eps=0.1), OwnLayerNorm),
}
