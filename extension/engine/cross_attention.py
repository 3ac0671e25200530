"""Masks on what cross-attention reads: keys and values are words, and words have no place.

What has one is the query. So the attention runs once for the words without masked networks and
once with each mask's, each time for the tokens in its region alone, and the outputs are put
together: o₀ + Σ m (o_mask − o₀). Where that cannot be done (something other than tokens of the
picture, a model that is called piece by piece) keys and values get the mask's mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..records import Component, TargetKey
from .division import Division
from .layer_patch import LayerPatch
from .layers import Site
from .low_rank import Add
from .mask import Mask
from .places import Places
from .terms import Term
from .weight_table import WeightTable


@dataclass(slots=True)
class Reading:
    """Whose words one cross-attention reads just now: a mask's; or, where `by_mean`, everyone's."""

    by_mean: bool = True
    mask: Mask | None = None


class WordsPatch:
    """Keys or values: a patch for the unmasked networks, and one for them and each mask's."""

    masked = True

    def __init__(
        self,
        site: Site,
        terms: Sequence[Term],
        table: WeightTable,
        places: Places,
        reading: Reading,
    ) -> None:
        self.site, self.terms, self.places, self.reading = site, list(terms), places, reading
        plain = [term for term in terms if term.mask is None]
        masks = dict.fromkeys(term.mask for term in terms if term.mask is not None)
        self.patches: dict[Mask | None, LayerPatch] = {
            mask: LayerPatch(
                site, [*plain, *(term for term in terms if mask and term.mask is mask)], table
            )
            for mask in (None, *masks)
        }
        self.changes_input, self.hooked = False, True
        self.add: Add = self._read
        self.unsettled: Callable[[], None] = lambda: None

    @property
    def called(self) -> bool:
        """Whether the host ever called the layer."""
        return any(patch.called for patch in self.patches.values())

    @property
    def second_products(self) -> int:
        """How often Wx was computed a second time."""
        return sum(patch.second_products for patch in self.patches.values())

    def acts(self, x: Tensor) -> bool:
        """Whether any weight is other than 0 for a call with this input."""
        return any(patch.acts(x) for patch in self.patches.values())

    def send_ahead(self) -> None:
        """As `LayerPatch.send_ahead`."""
        for patch in self.patches.values():
            patch.send_ahead()

    def choose(self, x: Tensor) -> None:
        """There is nothing to choose: what is masked is hooked."""

    def before(self, x: Tensor) -> Tensor:
        """Input maps are computed beside the layer, on few tokens."""
        return x

    def _read(self, x: Tensor, out: Tensor) -> Tensor:
        """The words of now; by the mean, those of all, each to its mask's share of the picture."""
        if not self.reading.by_mean:
            found = self.patches.get(self.reading.mask, self.patches[None])
            return found.run(x, out)
        plain = self.patches[None].run(x, out.clone())
        total = plain.clone()
        for mask, patch in self.patches.items():
            if mask is not None:
                share = self.places.means(((mask, 1),), out, out.dim())
                total.add_((patch.run(x, out.clone()) - plain).mul_(share))
        return total

    def run(self, x: Tensor, out: Tensor) -> Tensor:
        """The same."""
        return self.add(x, out)

    def release(self) -> None:
        """The run is over."""
        for patch in self.patches.values():
            patch.release()


@dataclass(slots=True)
class _Waiting:
    """A call that is being made in parts: what it was asked, and what came of the first part."""

    division: Division
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    x: Tensor


@dataclass(slots=True, eq=False)
class CrossAttention:
    """One cross-attention whose keys or values are under masks; `columns` by mask."""

    module: nn.Module
    path: str
    table: WeightTable
    places: Places
    patches: list[WordsPatch] = field(default_factory=list)
    columns: dict[Mask, list[int]] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)
    _waiting: _Waiting | None = None
    _inside: bool = False

    def install(self, stack: ExitStack) -> None:
        """Its calls are divided until the stack is closed."""
        before: Callable[..., Any] = self._before
        after: Callable[..., Any] = self._after
        stack.callback(self._rest)
        handle = self.module.register_forward_pre_hook(before, with_kwargs=True)
        stack.callback(handle.remove)
        handle = self.module.register_forward_hook(after, with_kwargs=True)
        stack.callback(handle.remove)

    def _rest(self) -> None:
        self._waiting, self._inside, self.places.cell = None, False, None
        self.reading.by_mean, self.reading.mask = True, None

    def _before(self, module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        if self._inside:
            return None
        self._rest()
        name = None if args else next(iter(kwargs))
        x = args[0] if name is None else kwargs[name]
        acting = self._acting()
        if not acting:
            self.reading.by_mean = False
            return None
        known = isinstance(x, Tensor) and x.dim() == 3 and _same_for_all(x, args, kwargs)
        division = self.places.division(acting, x.shape[1], x) if known else None
        if division is None:
            self.places.misfits.add(self.path)
            return None
        self.reading.by_mean = False
        first = division.cells[0]
        if len(division.cells) == 1 and len(first.index) == x.shape[1]:
            self.reading.mask = first.mask
            return None
        self._waiting = _Waiting(division, args, kwargs, x)
        return self._part(0)

    def _acting(self) -> tuple[Mask, ...]:
        """The masks of networks that have a weight now."""
        acts = self.table.acts
        return tuple(m for m, columns in self.columns.items() if any(map(acts, columns)))

    def _part(self, number: int) -> tuple[Any, dict[str, Any]]:
        """The arguments for the tokens of one cell."""
        waiting = self._waiting
        assert waiting is not None
        cell = waiting.division.cells[number]
        self.places.cell, self.reading.mask = cell, cell.mask
        x = waiting.x.index_select(1, cell.index)
        if waiting.args:
            return (x, *waiting.args[1:]), waiting.kwargs
        return (), {**waiting.kwargs, next(iter(waiting.kwargs)): x}

    def _after(self, module: nn.Module, args: Any, kwargs: Any, out: Any) -> Any:
        if self._inside or self._waiting is None:
            return None
        waiting, outs, self._inside = self._waiting, [out], True
        try:
            for number in range(1, len(waiting.division.cells)):
                args, kwargs = self._part(number)
                outs.append(module(*args, **kwargs))
        finally:
            self._rest()
        return _together(waiting.division, outs, waiting.x.shape[1])


def divided(
    roots: Mapping[Component, nn.Module],
    sites: Mapping[TargetKey, Site],
    words: Mapping[TargetKey, Sequence[Term]],
    table: WeightTable,
    places: Places,
) -> list[CrossAttention]:
    """The cross-attentions of a UNet whose keys or values `words` are."""
    found: dict[str, CrossAttention] = {}
    for key, terms in words.items():
        # PEFT, where somebody has wrapped the model with it, moves each layer one level down.
        path = sites[key].path.removesuffix(".base_layer").rpartition(".")[0]
        if path not in found:
            found[path] = CrossAttention(roots["unet"].get_submodule(path), path, table, places)
        one = found[path]
        one.patches.append(WordsPatch(sites[key], terms, table, places, one.reading))
        for term in terms:
            if term.mask is not None:
                one.columns.setdefault(term.mask, []).append(term.column)
    return list(found.values())


def _same_for_all(x: Tensor, args: Any, kwargs: Mapping[str, Any]) -> bool:
    """Whether nothing else in the call is about the tokens one by one, as masks of others are."""
    others = [*args[1:], *list(kwargs.values())[0 if args else 1 :]]
    lists = any(isinstance(one, (list, tuple)) and one for one in others)
    tensors = [one for one in others if isinstance(one, Tensor) and one.dim() > 2]
    return not lists and all(x.shape[1] not in one.shape[1:-1] for one in tensors)


def _together(division: Division, outs: Sequence[Tensor], count: int) -> Tensor:
    """What was computed cell by cell, as one output (rows, count, c)."""
    if division.order is not None:
        return torch.cat(list(outs), dim=1).index_select(1, division.order)
    rows, _, channels = outs[0].shape
    whole = outs[0].new_zeros(rows, count, channels)
    for cell, out in zip(division.cells, outs, strict=True):
        whole.index_add_(1, cell.index, out * cell.share)
    return whole
