"""What happens on the layers, for those who measure it; a run without observers knows none of this.

An observed patch stands between a layer's hook and its patch: it tells what is about to be added,
and the patch then adds it as ever. So a picture is the same with and without observers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from ..deltas import Layer, LowRank
from ..records import Progress, Row, TargetKey
from .layer_patch import LayerPatch
from .layers import Site
from .low_rank import Add
from .terms import Term


@dataclass(frozen=True, slots=True)
class Share:
    """One network's part of a call: m · ΔW x, without bias, with `weights` m for each row.

    With `up` (o, r) it is low rank: ΔW x = up · values, `values` being (rows, …, r), or
    (rows, r, h', w') on a convolution. Without, `values` is ΔW x itself, in the shape of the
    layer's output. They stand for all rows, also those of weight 0. `where` is the network's mask
    over the places of the output, as it broadcasts there, None for everywhere. (Keys and values
    of a cross-attention under masks are not told.)

    `network` counts the run's files, in the order of `Run.files`.
    """

    network: int
    weights: tuple[float, ...]
    values: Tensor
    up: Tensor | None = None
    where: Tensor | None = None

    def change(self, layer: Layer) -> Tensor:
        """ΔW x in the shape of the layer's output: (rows, …, o) or (rows, o, h', w')."""
        return self.values if self.up is None else layer.pointwise(self.values, self.up)


class LayerCall:
    """One call of one layer on which something acts. Its tensors are to be read, not written.

    `target` names the layer: component and canonical key (`records.Target`). `rows` and `progress`
    have one entry for each row of the call. `x` is what the layer was called with, `out` its output
    W x + b before anything is added; both with their rows first.
    """

    def __init__(self, patch: LayerPatch, target: TargetKey, x: Tensor, out: Tensor) -> None:
        general, table = patch.general, patch.table
        self.target, self.layer = target, patch.layer
        self.x, self.out = general.rows_first(x), general.rows_first(out)
        batch = self.x.shape[0]
        lines = table.lines(batch) or [0] * batch
        moments = table.progress if len(table.progress) > 1 else table.progress * len(table.rows)
        self.rows: tuple[Row, ...] = tuple(table.rows[line] for line in lines)
        self.progress: tuple[Progress, ...] = tuple(moments[line] for line in lines)
        self._patch = patch

    @cached_property
    def wx(self) -> Tensor:
        """W x without bias, (rows, …, o) or (rows, o, h', w')."""
        layer, bias = self.layer, self._patch.site.bias
        if not self._patch.changes_input:
            out = self.out
            return out if bias is None else out - layer.along(bias, out).to(out)
        wx = layer.base(self.x)  # `out` is W of a changed input
        return wx * layer.along(layer.weight, wx).to(wx) if layer.kind == "norm" else wx

    @property
    def product(self) -> tuple[Tensor, Tensor | None]:
        """A tensor like `out`, and the bias (o,) that is still in it: W x is their difference."""
        return (self.wx, None) if self._patch.changes_input else (self.out, self._patch.site.bias)

    @cached_property
    def shares(self) -> tuple[Share, ...]:
        """Of each term that acts on any row; computed when first asked for."""
        return tuple(self._share(term) for term in self._patch.terms if self._acts(term))

    def _acts(self, term: Term) -> bool:
        return any(self._weights(term))

    def _weights(self, term: Term) -> tuple[float, ...]:
        batch = self.x.shape[0]
        weight = self._patch.table.weight(term.column, batch)
        return weight if isinstance(weight, tuple) else (weight,) * batch

    def _share(self, term: Term) -> Share:
        network, weights = term.network, self._weights(term)
        where = self._patch.placing.where(term.mask, self.out)
        delta = term.cached.on(self.out.device, self.out.dtype)
        x = self.x.to(self.out.dtype)
        if isinstance(delta, LowRank):
            return Share(network, weights, delta.hidden(self.layer, x), delta.up, where)
        wx = None
        if delta.reads == "wx":
            wx = self.layer.base(x) if self.layer.kind == "norm" else self.wx
        return Share(network, weights, delta(self.layer, x, wx), where=where)


class Observer(Protocol):
    """What is told of every layer's call before anything is added; called without gradients."""

    def called(self, call: LayerCall) -> None:
        """A layer was called; `call` and its tensors are good until this returns."""


class ObservedPatch:
    """A patch for hooks that tells observers of its calls; all else is the patch's own."""

    def __init__(self, patch: LayerPatch, target: TargetKey, observers: Sequence[Observer]) -> None:
        self.patch, self.target, self.observers = patch, target, observers
        self.site: Site = patch.site
        self.changes_input = patch.changes_input
        self.before, self.acts = patch.before, patch.acts
        self.choose, self.release = patch.choose, patch.release
        self.add: Add = self._add

    @property
    def hooked(self) -> bool:
        """The patch's own."""
        return self.patch.hooked

    @property
    def unsettled(self) -> Callable[[], None]:
        """The patch's own."""
        return self.patch.unsettled

    @unsettled.setter
    def unsettled(self, tell: Callable[[], None]) -> None:
        self.patch.unsettled = tell

    def run(self, x: Tensor, out: Tensor) -> Tensor:
        """As `LayerPatch.run`, told."""
        self._tell(x, out)
        return self.patch.run(x, out)

    def _add(self, x: Tensor, out: Tensor) -> Tensor:
        self._tell(self.patch.general.original(x), out)
        return self.patch.add(x, out)

    @torch.no_grad()
    def _tell(self, x: Tensor, out: Tensor) -> None:
        call = LayerCall(self.patch, self.target, x, out)
        for observer in self.observers:
            observer.called(call)
