"""What all networks of a run add on one site: the arithmetic of a hook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..deltas import Delta, InputMap, Layer, LowRank
from .adding import add, add_low_rank
from .layers import Site
from .weight_table import RowWeights, WeightTable, runs


@dataclass(slots=True)
class CachedDelta:
    """Holds a delta where the cache and the plans share it: moved once, moved for all."""

    delta: Delta
    device: torch.device | None = None
    dtype: torch.dtype | None = None

    def on(self, device: torch.device, dtype: torch.dtype) -> Delta:
        """The delta on the device and in the dtype that the layer works in."""
        if self.device != device or self.dtype != dtype:
            self.delta = self.delta.to(device, dtype)
            self.device, self.dtype = device, dtype
        return self.delta

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(t.numel() * t.element_size() for t in self.delta.tensors())


@dataclass(slots=True)
class Term:
    """One network on one site. `ran` is set by the forward that really added its delta."""

    cached: CachedDelta
    cell: int
    ran: bool = False


# An entry, the rows it acts on, and its weight there.
Active = tuple[Term, slice, RowWeights]
WHOLE = slice(None)
# The attribute by which a changed input leads to (patch, the input as it was).
ORIGINAL = "_live_lora_original"


class LayerPatch:
    """All entries of one site; `before` and `after` are its hooks' bodies."""

    def __init__(self, site: Site, entries: Sequence[Term], weights: WeightTable) -> None:
        self.site = site
        self.layer: Layer = site.layer()
        self.entries = list(entries)
        self.weights = weights
        self.second_products = 0
        self._joined: LowRank | None = None
        self.changes_input = any(isinstance(e.cached.delta, InputMap) for e in entries)
        self._joinable = len(self.entries) > 1 and _same_kernel(self.entries)

    def acts(self, x: Tensor) -> bool:
        """Whether any weight is other than 0 for a call with this input."""
        batch = x.shape[self._row_dim(x)]
        return any(self.weights.weight(entry.cell, batch) for entry in self.entries)

    def run(self, x: Tensor, out: Tensor) -> Tensor:
        """The layer's output for x, given W x + b, where no hook stands around the layer itself."""
        if not self.changes_input:
            return self.after(x, out)
        changed = self.before(x)
        if changed is not x:
            out = out + self.layer.base(changed - x)
        return self.after(x, out)

    def before(self, x: Tensor) -> Tensor:
        """x + Σ m (shift(x) − x): any number of input maps costs one base product, being linear."""
        rows = self._rows_first(x)
        maps = [e for e in self.entries if isinstance(e.cached.delta, InputMap)]
        active = self._active(maps, rows.shape[0])
        if not active:
            return x
        changed = rows.clone()
        for entry, part, weight in active:
            # Not x's dtype: under autocast x is fp32 while the layer, and so `after`, is 16-bit.
            delta = entry.cached.on(x.device, entry.cached.dtype or x.dtype)
            assert isinstance(delta, InputMap)
            source = rows[part].to(entry.cached.dtype)
            add(changed[part], delta.shift(self.layer, source) - source, self._scale(weight, x))
        changed = changed.movedim(0, self._row_dim(x))
        # `after` gets this tensor, not x. Nothing is kept here, where a call that raises, or
        # another thread's, would leave its input to the wrong `after`.
        setattr(changed, ORIGINAL, (self, x))
        return changed

    def after(self, x: Tensor, out: Tensor) -> Tensor:
        """out + Σ m D(x, Wx), in place where nobody needs gradients of it."""
        if self.changes_input:
            x = self._original(x)
        rows = self._rows_first(x)
        active = self._active(self.entries, rows.shape[0])
        if not active:
            return out
        if out.requires_grad:
            out = out.clone()
        target = self._rows_first(out)
        if rows.dtype != out.dtype:
            rows = rows.to(out.dtype)
        if self._joinable and len(active) == len(self.entries) and _all_whole(active):
            self._add_joined(rows, target, [weight for _, _, weight in active])
        else:
            self._add_each(rows, target, active)
        for entry, _, _ in active:
            entry.ran = True
        return out

    def _original(self, x: Tensor) -> Tensor:
        """The input as `before` was given it; other runs' patches may have changed it further."""
        changed: Tensor = x
        while (left := getattr(changed, ORIGINAL, None)) is not None:
            patch, changed = left
            if patch is self:
                return changed
        return x

    def _row_dim(self, x: Tensor) -> int:
        return self.site.row_dim if x.dim() > 2 else 0

    def _rows_first(self, x: Tensor) -> Tensor:
        return x.movedim(self.site.row_dim, 0) if self.site.row_dim and x.dim() > 2 else x

    def _active(self, entries: Sequence[Term], batch: int) -> list[Active]:
        """What acts on which rows; what has weight 0 is not in it."""
        active: list[Active] = []
        for entry in entries:
            weight = self.weights.weight(entry.cell, batch)
            if isinstance(weight, tuple) and not all(weight):
                active += [(entry, part, piece) for part, piece in runs(weight)]
            elif weight:
                active.append((entry, WHOLE, weight))
        return active

    def _scale(self, weight: RowWeights, like: Tensor) -> float | Tensor:
        """A float, or (rows, 1) for weights that differ by row."""
        if isinstance(weight, tuple):
            return self.weights.vector((weight,), (1,), like)
        return weight

    def _add_joined(self, x: Tensor, out: Tensor, weights: Sequence[RowWeights]) -> None:
        if self._joined is None or self._joined.down.dtype != out.dtype:
            parts = [entry.cached.on(out.device, out.dtype) for entry in self.entries]
            lows = [part for part in parts if isinstance(part, LowRank)]
            down, up = torch.cat([d.down for d in lows]), torch.cat([d.up for d in lows], dim=1)
            self._joined = LowRank(down, up)
        ranks = [part.up.shape[1] for part in self._lows(out)]
        add_low_rank(self.layer, self._joined, x, out, self.weights.vector(weights, ranks, out))
        for low, weight in zip(self._lows(out), weights, strict=True):
            self._add_bias(low, out, self._scale(weight, out))

    def _lows(self, out: Tensor) -> Iterator[LowRank]:
        for entry in self.entries:
            delta = entry.cached.on(out.device, out.dtype)
            assert isinstance(delta, LowRank)
            yield delta

    def _add_each(self, x: Tensor, out: Tensor, active: Sequence[Active]) -> None:
        product = (
            self._base_product(x, out) if any(_reads_wx(one) for one, _, _ in active) else None
        )
        for entry, part, weight in active:
            delta = entry.cached.on(out.device, out.dtype)
            scale = self._scale(weight, out)
            if part is WHOLE:
                self._add_one(delta, x, out, product, scale)
            else:
                wx = None if product is None else product[part]
                self._add_one(delta, x[part], out[part], wx, scale)

    def _add_one(
        self, delta: Delta, x: Tensor, out: Tensor, wx: Tensor | None, scale: float | Tensor
    ) -> None:
        if isinstance(delta, LowRank) and delta.mid is None:
            add_low_rank(self.layer, delta, x, out, scale)
        elif isinstance(delta, InputMap):
            # W(shift(x) − x) is in `out` already: the pre-hook changed the input.
            if delta.inner is not None:
                add(out, delta.inner(self.layer, delta.shift(self.layer, x)), scale)
        else:
            add(out, delta(self.layer, x, wx), scale)
        self._add_bias(delta, out, scale)

    def _add_bias(self, delta: Delta, out: Tensor, scale: float | Tensor) -> None:
        if delta.bias is not None:
            add(out, self.layer.along(delta.bias, out).expand_as(out), scale)

    def _base_product(self, x: Tensor, out: Tensor) -> Tensor:
        """Wx of the original x, without bias; a second product only where the input was changed."""
        bias = self.site.bias
        if self.layer.kind == "norm":
            return self.layer.base(x)  # before the weight, which is not in `out` any more
        if self.changes_input:
            self.second_products += 1
        elif bias is None:
            return out.clone()
        elif bias.device == out.device:
            return out - self.layer.along(bias, out).to(out.dtype)
        return self.layer.base(x)


def _same_kernel(entries: Sequence[Term]) -> bool:
    """Whether all are low rank with factors that can stand side by side."""
    deltas = [entry.cached.delta for entry in entries]
    plain = [d.down.shape[1:] for d in deltas if isinstance(d, LowRank) and d.mid is None]
    return len(plain) == len(deltas) and len(set(plain)) == 1


def _reads_wx(entry: Term) -> bool:
    return entry.cached.delta.reads == "wx"


def _all_whole(active: Sequence[Active]) -> bool:
    return all(part is WHOLE for _, part, _ in active)
