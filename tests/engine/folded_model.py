"""A model with a layer of each kind that can be folded, and changes of all its layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from asked_device import seeded
from delta_formulas import Scale, deltas
from live_lora.deltas import Delta
from torch import Tensor, nn


class Model(nn.Module):
    """A layer of each kind that can be folded, without two of a kind."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.circular = nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular")
        self.norm = nn.GroupNorm(2, 8)
        self.linear = nn.Linear(8, 6)
        self.plain = nn.Linear(6, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.circular(self.conv(x)))
        return self.plain(self.linear(h.flatten(2).mT))


def model(dtype: torch.dtype = torch.float32) -> Model:
    """The same random one at every call."""
    torch.manual_seed(0)
    return Model().to(dtype).requires_grad_(False)


def image(dtype: torch.dtype = torch.float32) -> Tensor:
    """Input for it: two pictures, (2, 3, 5, 5)."""
    return seeded(2, 3, 5, 5).to(dtype)


def all_deltas(net: Model) -> dict[str, list[Delta]]:
    """Several on each layer; biases where the layer has one."""
    torch.manual_seed(2)
    found: dict[str, list[Delta]] = {}
    for name in ("conv", "circular", "linear", "plain"):
        every = deltas(getattr(net, name).weight.float())
        low = every["low"]
        if name == "plain":
            low.bias = None
        found[name] = [low, every["low again"], every["dense"], every["output"], every["input"]]
    found["norm"] = [Scale(torch.randn(8), bias=torch.randn(8))]
    return found


def spares(net: nn.Module, originals: Sequence[Tensor]) -> int:
    """Bytes of parameters that are somewhere else than they were."""
    places = {one.data_ptr() for one in originals}
    return sum(one.nbytes for one in net.parameters() if one.data_ptr() not in places)


class Broken(Exception):
    """Raised in the middle of a run, to see what that leaves behind."""
