"""W + Σ m ΔW in memory of our own, in a layer's place for as long as a run goes on.

The model's own tensors are never written: a folded layer is its parameter pointing elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..deltas import Delta, Layer, LowRank
from ..records import Kind

# By these attributes hosts that offload mark a module: it has other weights at every call.
OFFLOADING = ("_hf_hook", "_diffusers_hook")


@dataclass(slots=True)
class Standing:
    """A parameter that points to a tensor of ours, and what it pointed to."""

    parameter: nn.Parameter
    original: Tensor
    version: int
    dtype: torch.dtype

    @classmethod
    def at(cls, parameter: nn.Parameter, spare: Tensor) -> Standing:
        """From now on the parameter has the values of `spare`."""
        original, parameter.data = parameter.data, spare
        return cls(parameter, original, _version(parameter), spare.dtype)

    @property
    def overwritten(self) -> bool:
        """Has somebody written new weights into it meanwhile, as a switch of checkpoints does?"""
        return _version(self.parameter) != self.version

    def undo(self) -> None:
        """The original is back, on the device and in the dtype that the layer has by now.

        New weights that somebody has written into the parameter stay.
        """
        now = self.parameter
        if not self.overwritten:
            now.data = self.original.to(now.device, now.dtype)


Parts = Sequence[tuple[Delta, float]]  # with their weights, always the same in the same order


class Fold:
    """One layer's weight and bias, and what stands in their place."""

    def __init__(self, layer: Layer, weight: nn.Parameter, bias: nn.Parameter | None) -> None:
        self.layer = layer
        self.parameters = (weight, bias)
        self._weight: Standing | None = None
        self._bias: Standing | None = None
        self._numbers: list[float] = []  # the weights in the spare that was made of the original
        self.differences = 0  # spares made of another spare

    @property
    def on(self) -> bool:
        """Whether the layer is folded now."""
        return self._weight is not None

    @property
    def nbytes(self) -> int:
        """What a spare takes."""
        return self.parameters[0].nbytes

    def fits(self, deltas: Sequence[Delta]) -> bool:
        """Is there a place for all that they change?"""
        return self.parameters[1] is not None or all(delta.bias is None for delta in deltas)

    @torch.no_grad()
    def write(self, parts: Parts) -> None:
        """W + Σ m ΔW and b + Σ m Δb take their places, computed from the originals in 32 bits.

        Where some weights are as before and others not, W + Σ m ΔW is computed from the spare and
        the difference, if the spare was made of the original: two roundings of half a unit in the
        last place are one whole, more would add up.
        """
        with torch.inference_mode(False):  # the run may go on, or end, outside of inference mode
            weight, bias = self.parameters
            changes = self._changes(parts)
            if changes and self._weight is not None:
                original = self._weight.original.to(weight.device, weight.dtype)
                weight.data.copy_(self._sum(weight.data, changes, original))
                self.differences += 1
                self._numbers = []
            else:
                self._weight = _stood(weight, self._weight, lambda w: self._sum(w, parts, w))
                self._numbers = [m for _, m in parts]
            added = [(delta.bias, m) for delta, m in parts if m and delta.bias is not None]
            if bias is not None and (added or self._bias is not None):
                self._bias = _stood(bias, self._bias, lambda b: _summed(b, added))

    def undo(self) -> None:
        """The layer is itself again."""
        for standing in (self._weight, self._bias):
            if standing is not None:
                standing.undo()
        self._weight = self._bias = None
        self._numbers = []

    def _changes(self, parts: Parts) -> Parts:
        """The parts with the differences of their weights; empty where it is to be made anew."""
        standing = self._weight
        if standing is None or standing.overwritten or len(self._numbers) != len(parts):
            return []
        if standing.dtype is not self.parameters[0].dtype:  # cast meanwhile, so rounded once more
            return []
        pairs = list(zip(parts, self._numbers, strict=True))
        changes = [(delta, m - before) for (delta, m), before in pairs if m != before]
        return changes if len(changes) < sum(m != 0.0 for _, m in parts) else []

    def _sum(self, start: Tensor, parts: Parts, original: Tensor) -> Tensor:
        """start + Σ m ΔW: all low ranks by one product, Σ (m B) A, the others one by one."""
        wide = torch.promote_types(start.dtype, torch.float32)
        moved = [(delta.to(start.device, wide), m) for delta, m in parts if m]
        lows = [(d, m) for d, m in moved if isinstance(d, LowRank) and d.mid is None]
        whole = start.to(wide)
        if lows:
            up = torch.cat([low.up * m for low, m in lows], dim=1)
            down = torch.cat([low.down.flatten(1) for low, _ in lows])
            whole = torch.addmm(whole.flatten(1), up, down).view(whole.shape)
        layer = self._plain(original.to(wide))
        for delta, m in moved:
            if not (isinstance(delta, LowRank) and delta.mid is None):
                whole = whole + m * delta.delta_weight(layer)
        return whole.to(start.dtype)

    def _plain(self, weight: Tensor) -> Layer:
        """The layer with these values as its weights."""
        kind: Kind = self.layer.kind
        groups, dim = self.layer.groups, self.layer.channel_dim
        return Layer.of(kind, weight, None, nn.Identity(), groups=groups, channel_dim=dim)


def _stood(
    parameter: nn.Parameter, standing: Standing | None, made_of: Callable[[Tensor], Tensor]
) -> Standing:
    """A spare made of the original in the parameter's place, perhaps of another spare."""
    if standing is None or standing.overwritten:
        return Standing.at(parameter, made_of(parameter.data))
    original = standing.original.to(parameter.device, parameter.dtype)
    parameter.data = made_of(original)
    standing.dtype = parameter.dtype
    return standing


def _summed(bias: Tensor, changes: Sequence[tuple[Tensor, float]]) -> Tensor:
    """b + Σ m Δb."""
    total = bias.to(torch.promote_types(bias.dtype, torch.float32), copy=True)
    for change, m in changes:
        total.add_(change.to(total), alpha=m)
    return total.to(bias.dtype)


def _version(tensor: Tensor) -> int:
    """How often it was written in place; inference tensors do not count it."""
    try:
        return tensor._version
    except RuntimeError:
        return -1


def unfoldable(root: nn.Module) -> set[nn.Module]:
    """The modules below whose parameters are not to be swapped: offloaded, or shared by several."""
    owners = Counter(id(p) for one in root.modules() for p in one._parameters.values())
    found: set[nn.Module] = set()
    for module in root.modules():
        if any(hasattr(module, name) for name in OFFLOADING):
            found.update(module.modules())
        if any(p is not None and owners[id(p)] > 1 for p in module._parameters.values()):
            found.add(module)
    return found
