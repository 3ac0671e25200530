"""Random modules of every algorithm for every kind of layer, and a plain way to run them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from live_lora import algorithms
from live_lora.algorithms import Algorithm, Settings
from live_lora.deltas import Delta, InputMap, Layer
from live_lora.engine.layers import Site, find_sites
from torch import Tensor, nn

from .sample_tensors import SAMPLES, Draw, Tensors

LAYERS: Mapping[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(24, 16, bias=False),
    "linear with bias": lambda: nn.Linear(16, 24),
    "conv 1x1": lambda: nn.Conv2d(16, 24, 1),
    "conv 3x3": lambda: nn.Conv2d(8, 16, 3, padding=1),
    "conv of stride 2": lambda: nn.Conv2d(8, 8, 3, stride=2, padding=1, bias=False),
    "circular conv": lambda: nn.Conv2d(8, 16, 3, padding=1, padding_mode="circular"),
    "conv in groups": lambda: nn.Conv2d(16, 24, 3, padding=1, groups=2),
    "group norm": lambda: nn.GroupNorm(4, 16),
    "layer norm": lambda: nn.LayerNorm(16),
}


def fits(sample: str, layer: str) -> bool:
    """Is there such a module for such a layer?"""
    if "norm" in layer:
        return sample in ("norm", "full", "set", "bias")
    if sample == "norm":
        return False
    if sample.startswith("tlora"):
        return layer in ("linear", "linear with bias", "conv 1x1")
    return True


PAIRS = [(sample, layer) for sample in SAMPLES for layer in LAYERS if fits(sample, layer)]


def module(layer: str, seed: int = 0) -> nn.Module:
    """The layer with random weights, in float64."""
    torch.manual_seed(seed)
    made = LAYERS[layer]().double().requires_grad_(False)
    for tensor in made.parameters():
        tensor.normal_()
    return made


def site_of(host: nn.Module) -> Site:
    """The layer as the engine sees it."""
    return next(iter(find_sites(nn.ModuleList([host]))))


def batch(host: nn.Module, rows: int = 2) -> Tensor:
    """Random input for the layer."""
    if isinstance(host, nn.Conv2d):
        return torch.randn(rows, host.in_channels, 5, 4, dtype=torch.float64)
    if isinstance(host, nn.GroupNorm):
        return torch.randn(rows, host.num_channels, 3, 2, dtype=torch.float64)
    width = host.in_features if isinstance(host, nn.Linear) else host.normalized_shape[0]
    return torch.randn(rows, 3, width, dtype=torch.float64)


def tensors(sample: str, shape: tuple[int, ...], rank: int = 2, seed: int = 0) -> Tensors:
    """The tensors of a sample for W of this shape."""
    return SAMPLES[sample][1](Draw(shape, rank, torch.Generator().manual_seed(seed + 1)))


def algorithm(made: Tensors, settings: Settings | None = None) -> Algorithm:
    """The algorithm that these tensors make."""
    chosen = algorithms.choose({slot: tuple(tensor.shape) for slot, tensor in made.items()})
    return chosen(made, settings=settings)


def add(layer: Layer, delta: Delta, x: Tensor, m: float) -> Tensor:
    """m · (D + bias): what a hook adds to the layer's output."""
    wx = layer.base(x) if delta.reads == "wx" or isinstance(delta, InputMap) else None
    change = delta(layer, x, wx)
    if delta.bias is not None:
        images = layer.kind == "conv" or (layer.kind == "norm" and x.dim() == 4)
        change = change + (delta.bias.view(-1, 1, 1) if images else delta.bias)
    return m * change


def bias_change(made: Algorithm, layer: Layer) -> Tensor | None:
    """What the bias changes by at weight 1, by the formulas of the trainers."""
    tensors = {slot: tensor.double().flatten() for slot, tensor in made.tensors.items()}
    parts = [tensors[slot] for slot in ("diff_b", "b_norm") if slot in tensors]
    if "up_bias" in tensors:
        parts.append(made.scale * tensors["up_bias"])
    outputs = made.name == "peft_ia3" and made.by_output(tuple(layer.weight.shape))
    if outputs and layer.bias is not None:
        parts.append((tensors["ia3_l"] - 1) * layer.bias)
    return sum(parts) if parts else None


def merged(host: nn.Module, made: Algorithm, layer: Layer, m: float) -> nn.Module:
    """The layer with W + m ΔW and b + m Δb."""
    changed = copy.deepcopy(host)
    changed.weight.data += m * made.delta(layer)
    bias = bias_change(made, layer)
    if bias is not None:
        start = torch.zeros_like(bias) if changed.bias is None else changed.bias.data
        changed.bias = nn.Parameter(start + m * bias, requires_grad=False)
    return changed
