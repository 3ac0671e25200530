"""Modules that own a matrix or a vector called `weight` and are no layer that a LoRA can change."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WithWeight(nn.Module):
    """Nothing but a weight, and attributes that make it look like something."""

    def __init__(self, *shape: int, **attributes: object) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(*shape))
        self.bias = None
        for name, value in attributes.items():
            setattr(self, name, value)


class Router(WithWeight):
    """A matrix, but for choosing experts."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight).argmax(-1)


class LinearMix(WithWeight):
    """Two inputs."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return F.linear(x, self.weight) + y


class LinearHolder(WithWeight):
    """Never called."""


class LinearAttention(WithWeight):
    """Layers inside it do the work."""

    def __init__(self, *shape: int) -> None:
        super().__init__(*shape)
        self.inner = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) @ self.weight


class Called(WithWeight):
    def forward(self, x: Tensor) -> Tensor:
        return x


class Empty(nn.Module):
    """Forge's Linear before its file is read."""

    def __init__(self) -> None:
        super().__init__()
        self.dummy = nn.Parameter(torch.empty(1))
        self.in_features, self.out_features = 4, 4
        self.weight = None
        self.bias = None

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class AdaptiveLayerNorm(WithWeight):
    def forward(self, x: Tensor, shift: Tensor) -> Tensor:
        return F.layer_norm(x, (4,), self.weight) + shift


class ConvOfTwo(WithWeight):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return F.conv2d(x, self.weight) + y


class OwnRMSNorm(Called):
    pass


CONV: Mapping[str, object] = {
    "in_channels": 4,
    "out_channels": 4,
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 1,
}
STRANGERS: Mapping[str, Callable[[], nn.Module]] = {
    "embedding": lambda: nn.Embedding(4, 4),
    "bag of embeddings": lambda: nn.EmbeddingBag(4, 4),
    "bilinear": lambda: nn.Bilinear(4, 4, 4),
    "recurrent cell": lambda: nn.LSTMCell(4, 4),
    "slopes": lambda: nn.PReLU(4),
    "router": lambda: Router(4, 4),
    "two inputs": lambda: LinearMix(4, 4, in_features=4, out_features=4),
    "a holder of weights": lambda: LinearHolder(4, 4),
    "sizes stored the other way round": lambda: Called(3, 4, in_features=3, out_features=4),
    "sizes and kernels": lambda: Called(4, 4, 1, 1, in_features=4, out_features=4),
    "named linear, of integers": lambda: LinearOfIntegers(),
    "linear to be loaded": Empty,
    "lazy linear": lambda: nn.LazyLinear(4),
    "lazy conv": lambda: nn.LazyConv2d(4, 1),
    "conv over sequences": lambda: nn.Conv1d(4, 4, 1),
    "conv over volumes": lambda: nn.Conv3d(4, 4, 1),
    "conv of two inputs": lambda: ConvOfTwo(4, 4, 1, 1, kernel_size=1, **CONV),
    "transposed conv": lambda: nn.ConvTranspose2d(4, 4, 1),
    "own conv over sequences": lambda: Called(4, 4, 1, kernel_size=1, **CONV),
    "own transposed conv": lambda: Called(4, 4, 1, 1, kernel_size=1, transposed=True, **CONV),
    "packed conv over volumes": lambda: packed(Called(4, 4, kernel_size=(1, 1, 1), **CONV)),
    "batch norm": lambda: nn.BatchNorm2d(4),
    "instance norm": lambda: nn.InstanceNorm2d(4, affine=True),
    "group norm without weight": lambda: nn.GroupNorm(2, 4, affine=False),
    "layer norm without weight": lambda: nn.LayerNorm(4, elementwise_affine=False),
    "layer norm over images": lambda: nn.LayerNorm((4, 4)),
    "norm of another input": lambda: AdaptiveLayerNorm(4, normalized_shape=(4,), eps=1e-5),
    "own rms norm": lambda: OwnRMSNorm(4, normalized_shape=(4,), eps=1e-5),
    "local response": lambda: nn.LocalResponseNorm(2),
}
if hasattr(nn, "RMSNorm"):  # since torch 2.4
    STRANGERS = {**STRANGERS, "rms norm": lambda: nn.RMSNorm(4)}


class LinearOfIntegers(nn.Module):
    """A packed matrix and nothing that tells its sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4, 4, dtype=torch.uint8), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return x


def packed(module: nn.Module) -> nn.Module:
    """The same with its weight in bytes."""
    module.weight = nn.Parameter(module.weight.data.to(torch.uint8), requires_grad=False)
    return module
