"""Deltas on a module through the engine's own hooks; what it is made of, only this file knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from live_lora.deltas import Delta, Layer
from live_lora.engine.cached_delta import CachedDelta, Streaming
from live_lora.engine.choice import Choice, Executor
from live_lora.engine.hooks import hooked
from live_lora.engine.layer_patch import LayerPatch
from live_lora.engine.layers import find_sites
from live_lora.engine.shared_input import find_siblings
from live_lora.engine.terms import Term
from live_lora.engine.weight_table import Column, WeightFunction, WeightTable
from live_lora.records import Progress, Row
from torch import nn

# One number, one for each row, or a function of row and progress.
Weight = float | Sequence[float] | WeightFunction
# By a layer's path in the module, or those of its only layer.
Deltas = Mapping[str, Sequence[Delta]] | Sequence[Delta]


@dataclass(slots=True)
class Applied:
    """Deltas that are on: where sampling stands can be told, and asked what happened."""

    table: WeightTable
    patches: dict[str, LayerPatch]
    choice: Choice
    streaming: Streaming

    def move(self, progress: Progress | None = None, rows: int | None = None) -> None:
        """Sampling goes on; `rows` pictures in the next calls."""
        self.table.move(progress, None if rows is None else [Row(i) for i in range(rows)])

    def ran(self, path: str = "") -> list[bool]:
        """Which deltas of a layer have been added by now."""
        return [term.ran for term in self.patches[path].terms]

    @property
    def second_products(self) -> int:
        """How often Wx was computed a second time."""
        return sum(patch.second_products for patch in self.patches.values())


def patches_of(
    module: nn.Module,
    deltas: Deltas,
    weights: float | WeightFunction | Sequence[Weight] = 1.0,
    rows: int | None = None,
    executor: Executor = "hooked",
) -> Applied:
    """The deltas as patches of the module's layers, not yet on.

    `weights` is one for all deltas, or a list with one for each place in a layer's list of
    deltas. `rows` pictures are announced; without it, as many as there are weights by row.
    """
    sites = {site.path: site for site in find_sites(module)}
    if not isinstance(deltas, Mapping):
        (only,) = sites
        deltas = {only: deltas}
    most = max(map(len, deltas.values()))
    each = list(weights) if isinstance(weights, Sequence) else [weights] * most
    table = WeightTable([column(weight) for weight in each])
    counts = [len(weight) for weight in each if isinstance(weight, Sequence)]
    table.move(rows=[Row(i) for i in range(rows or max(counts, default=1))])
    choice = Choice(executor, table, [module])
    patches = {
        path: LayerPatch(sites[path], [Term(CachedDelta(d), i) for i, d in enumerate(found)], table)
        for path, found in deltas.items()
    }
    find_siblings(patches.values())
    streaming = Streaming(term.cached for patch in patches.values() for term in patch.terms)
    for patch in patches.values():
        patch.choice, patch.streaming = choice, streaming
        streaming.let_go.append(patch.let_go)
    return Applied(table, patches, choice, streaming)


@contextmanager
def applied(
    module: nn.Module,
    deltas: Deltas,
    weights: float | WeightFunction | Sequence[Weight] = 1.0,
    rows: int | None = None,
    executor: Executor = "hooked",
) -> Iterator[Applied]:
    """The deltas act on the module's layers inside this context; as for `patches_of`."""
    made = patches_of(module, deltas, weights, rows, executor)
    with made.streaming.ready(), hooked(made.patches.values()):
        yield made


def column(weight: Weight) -> Column:
    """Any weight as the table wants it; numbers never change."""
    if callable(weight):
        return Column(weight)
    if isinstance(weight, Sequence):
        return Column(lambda row, progress: weight[row.picture], constant=True)
    return Column(lambda row, progress: weight, constant=True)


def varying(weight: float | Sequence[float]) -> WeightFunction:
    """The same weights, of which nobody knows that they never change."""
    return column(weight).weight


def run(
    module: nn.Module,
    deltas: Deltas,
    weights: float | WeightFunction | Sequence[Weight],
    *inputs: Any,
    rows: int | None = None,
    **options: Any,
) -> Any:
    """The module's output with the deltas on it, without gradients."""
    with torch.no_grad(), applied(module, deltas, weights, rows):
        return module(*inputs, **options)


def layer_of(module: nn.Module, path: str | None = None) -> Layer:
    """The module's only layer, or the one at this path, as algorithms see it."""
    sites = {site.path: site for site in find_sites(module)}
    (chosen,) = sites if path is None else (path,)
    return sites[chosen].layer()
