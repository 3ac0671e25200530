"""W + Σ m ΔW in memory of our own, in a layer's place for as long as a run goes on.

The model's own tensors are never written: a folded layer is its parameter pointing elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ..deltas import Delta, Layer, LowRank
from ..records import Kind
from .products import joined_factors, wide, write_sum
from .spare_memory import SPARES

# By these attributes hosts that offload mark a module: it has other weights at every call.
OFFLOADING = ("_hf_hook", "_diffusers_hook")


@dataclass(slots=True)
class Standing:
    """A parameter that points to a tensor of ours, and what it pointed to."""

    parameter: nn.Parameter
    original: Tensor
    version: int
    dtype: torch.dtype
    address: int

    @classmethod
    def at(cls, parameter: nn.Parameter, spare: Tensor) -> Standing:
        """From now on the parameter has the values of `spare`."""
        original, parameter.data = parameter.data, spare
        return cls(parameter, original, _version(parameter), spare.dtype, spare.data_ptr())

    @property
    def overwritten(self) -> bool:
        """Has somebody written new weights into it meanwhile, as a switch of checkpoints does?"""
        return _version(self.parameter) != self.version

    def present(self) -> Tensor:
        """The original, on the device and in the dtype that the layer has by now."""
        return self.original.to(self.parameter.device, self.parameter.dtype)

    def spare(self) -> Tensor:
        """To write in: the one that stands there, another where the layer was moved or cast."""
        values = self.parameter.data
        if values.data_ptr() != self.address:
            values = self.parameter.data = SPARES.like(values)
            self.address, self.dtype = values.data_ptr(), values.dtype
        return values

    def undo(self) -> None:
        """The original is back; new weights that somebody has written into the parameter stay."""
        if not self.overwritten:
            self.parameter.data = self.present()


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
            self._numbers = []  # whatever ends this in the middle, the next one is made anew
            if changes and self._weight is not None:
                self._sum(changes, self._weight.present(), weight.data, weight.data)
                self.differences += 1
            else:
                self._weight = _stood(weight, self._weight, partial(self._sum, parts))
                self._numbers = [m for _, m in parts]
            added = [(delta.bias, m) for delta, m in parts if m and delta.bias is not None]
            if bias is not None and (added or self._bias is not None):
                self._bias = _stood(bias, self._bias, partial(_add_biases, added))

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

    def _sum(
        self, parts: Parts, original: Tensor, out: Tensor, start: Tensor | None = None
    ) -> None:
        """out = start + Σ m ΔW: low ranks by as few products as is fastest, the others one by one.

        `start` is the original where it is not given; it may be `out` itself.
        """
        start = original if start is None else start
        dtype = wide(start.dtype)
        moved = [(delta.to(start.device, dtype), m) for delta, m in parts if m]
        lows = [(d, m) for d, m in moved if isinstance(d, LowRank) and d.mid is None]
        others = [(d, m) for d, m in moved if not (isinstance(d, LowRank) and d.mid is None)]
        if others:
            layer, start = self._plain(original.to(dtype)), start.to(dtype, copy=True)
            for delta, m in others:
                start.add_(delta.delta_weight(layer), alpha=m)
        if lows:
            write_sum(start, list(joined_factors(lows)), out)
        else:
            out.copy_(start)

    def _plain(self, weight: Tensor) -> Layer:
        """The layer with these values as its weights."""
        kind: Kind = self.layer.kind
        groups, dim = self.layer.groups, self.layer.channel_dim
        return Layer.of(kind, weight, None, nn.Identity(), groups=groups, channel_dim=dim)


def _stood(
    parameter: nn.Parameter,
    standing: Standing | None,
    write: Callable[[Tensor, Tensor], None],
) -> Standing:
    """A spare in the parameter's place, into which `write` puts what it makes of the original."""
    if standing is None or standing.overwritten:
        spare = SPARES.like(parameter.data)
        write(parameter.data, spare)
        return Standing.at(parameter, spare)
    write(standing.present(), standing.spare())
    return standing


def _add_biases(changes: Sequence[tuple[Tensor, float]], bias: Tensor, out: Tensor) -> None:
    """out = b + Σ m Δb."""
    total = bias.to(wide(bias.dtype), copy=True)
    for change, m in changes:
        total.add_(change.to(total), alpha=m)
    out.copy_(total)


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
