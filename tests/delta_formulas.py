"""Deltas of every form, what they make of a weight, and the outputs that follow, in float64."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from live_lora.deltas import Delta, Dense, InputMap, Layer, LowRank, OutputMap
from torch import Tensor, nn


@dataclass(slots=True)
class Scale(OutputMap):
    """W' = diag(1 + v) W."""

    v: Tensor

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        assert wx is not None
        return wx * layer.along(self.v, wx)


@dataclass(slots=True)
class ScaleInput(InputMap):
    """W' = W diag(1 + v); with an inner ΔW, (W + ΔW) diag(1 + v)."""

    v: Tensor

    def shift(self, layer: Layer, x: Tensor) -> Tensor:
        return x * (1 + layer.along(self.v, x))


def merged(delta: Delta, weight: Tensor) -> Tensor:
    """W' of a delta, from its formula, in W's shape."""
    flat = weight.flatten(1) if weight.dim() > 1 else weight[:, None]
    if isinstance(delta, LowRank):
        return weight + product(delta).view_as(weight)
    if isinstance(delta, Dense):
        return weight + delta.weight
    if isinstance(delta, Scale):
        return ((1 + delta.v[:, None]) * flat).view_as(weight)
    assert isinstance(delta, ScaleInput)
    columns = 1 + delta.v.repeat_interleave(weight[0, 0].numel())
    if isinstance(delta.inner, LowRank):
        flat = flat + product(delta.inner)
    return (flat * columns).view_as(weight)


def product(delta: LowRank) -> Tensor:
    """up · mid · down as (o, i·kh·kw)."""
    if delta.mid is None:
        return delta.up @ delta.down.flatten(1)
    return torch.einsum("op,pqhw,qi->oihw", delta.up, delta.mid, delta.down).flatten(1)


def core(weight: Tensor) -> LowRank:
    """One with a Tucker core, for kernels (o, i, kh, kw)."""
    out, inputs, *kernel = weight.shape
    return LowRank(torch.randn(2, inputs), torch.randn(out, 3), torch.randn(3, 2, *kernel))


def deltas(weight: Tensor) -> dict[str, Delta]:
    """Random ones of every form for W (o, i, …)."""
    out, rest = weight.shape[0], weight.shape[1:]
    low = LowRank(torch.randn(2, *rest), torch.randn(out, 2))
    return {
        "low": LowRank(torch.randn(2, *rest), torch.randn(out, 2), bias=torch.randn(out)),
        "low again": LowRank(torch.randn(3, *rest), torch.randn(out, 3)),
        "dense": Dense(torch.randn(out, *rest)),
        "output": Scale(torch.randn(out)),
        "input": ScaleInput(torch.randn(rest[0]), inner=low),
        "input again": ScaleInput(torch.randn(rest[0])),
    }


def expected(
    module: nn.Module, found: Sequence[Delta], weights: Sequence[Sequence[float]], x: Tensor
) -> Tensor:
    """Row by row, W + Σ m (W' − W) in float64; `weights[delta][row]`."""
    rows = []
    for row in range(x.shape[0]):
        changed = copy.deepcopy(module).double().requires_grad_(False)
        weight = changed.weight.data.clone()
        for delta, per_row in zip(found, weights, strict=True):
            wide = delta.to(weight.device, torch.float64)
            changed.weight.data += per_row[row] * (merged(wide, weight) - weight)
            if wide.bias is not None:
                start = torch.zeros_like(wide.bias) if changed.bias is None else changed.bias.data
                bias = start + per_row[row] * wide.bias
                changed.bias = nn.Parameter(bias, requires_grad=False)
        rows.append(changed(x[row : row + 1].double()))
    return torch.cat(rows)
