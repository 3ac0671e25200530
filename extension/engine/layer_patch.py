"""What all networks of a run add on one layer: the arithmetic of its hooks."""

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
    """A delta shared by the cache and all patches: once moved to a device, it is there for all."""

    delta: Delta
    device: torch.device | None = None
    dtype: torch.dtype | None = None

    def on(self, device: torch.device, dtype: torch.dtype) -> Delta:
        """The delta, on the device and in the dtype that the layer works in."""
        if self.device != device or self.dtype != dtype:
            self.delta = self.delta.to(device, dtype)
            self.device, self.dtype = device, dtype
        return self.delta

    @property
    def size(self) -> int:
        """Bytes of its tensors."""
        return sum(t.numel() * t.element_size() for t in self.delta.tensors())


@dataclass(slots=True)
class Term:
    """One network's share of a patch: m · D, with m from a column of the table.

    `ran` is set once a forward has really added it.
    """

    cached: CachedDelta
    column: int
    ran: bool = False


# A term, the rows on which it acts, and their weights.
Active = tuple[Term, slice, RowWeights]
WHOLE = slice(None)
# The attribute by which a changed input leads to (patch, the input as it was).
ORIGINAL = "_live_lora_original"


class LayerPatch:
    """The terms of one layer: out + Σ m D(x, Wx). `before` and `after` are what its hooks do."""

    def __init__(self, site: Site, terms: Sequence[Term], weights: WeightTable) -> None:
        self.site = site
        self.layer: Layer = site.layer()
        self.terms = list(terms)
        self.weights = weights
        self.called = False  # whether the host ever called the layer
        self.second_products = 0
        self._joined: LowRank | None = None
        self._maps = [one for one in self.terms if isinstance(one.cached.delta, InputMap)]
        self.changes_input = bool(self._maps)
        self._joinable = len(self.terms) > 1 and all(map(_plain_low_rank, self.terms))

    def acts(self, x: Tensor) -> bool:
        """Whether any weight is other than 0 for a call with this input."""
        self.called = True
        batch = x.shape[self.site.row_dim if x.dim() > 2 else 0]
        return any(self.weights.weight(term.column, batch) for term in self.terms)

    def run(self, x: Tensor, out: Tensor) -> Tensor:
        """The patched layer's output for x, from `out` = W x + b, where nothing hooks the layer.

        x (…, i) and out (…, o), with the rows in the site's `row_dim`.
        """
        if not self.changes_input:
            return self.after(x, out)
        changed = self.before(x)
        if changed is not x:
            out = out + self.layer.base(changed - x)
        return self.after(x, out)

    def before(self, x: Tensor) -> Tensor:
        """x + Σ m (shift(x) − x), in x's shape: the layer's own product then serves all input maps.

        x itself where none of them acts.
        """
        rows = self._rows_first(x)
        active = self._active(self._maps, rows.shape[0])
        if not active:
            return x
        changed = rows.clone()
        for term, part, weight in active:
            # Not x's dtype: under autocast x has 32 bits, while the layer and `after` have 16.
            delta = term.cached.on(x.device, term.cached.dtype or x.dtype)
            assert isinstance(delta, InputMap)
            source = rows[part].to(term.cached.dtype)
            add(changed[part], delta.shift(self.layer, source) - source, self._scale(weight, x))
        if self.site.row_dim and x.dim() > 2:
            changed = changed.movedim(0, self.site.row_dim)
        # `after` gets this tensor, not x. Were x kept in the patch, a call that raises or one on
        # another thread would leave it to the wrong `after`.
        setattr(changed, ORIGINAL, (self, x))
        return changed

    def after(self, x: Tensor, out: Tensor) -> Tensor:
        """out + Σ m D(x, Wx), in place unless gradients are wanted.

        Args:
            x: what the layer was called with, so what `before` gave where there are input maps.
            out: its output for that, (…, o) or (n, o, h, w), with the same rows.
        """
        self.called = True
        if self.changes_input:
            x = self._original(x)
        rows = self._rows_first(x)
        active = self._active(self.terms, rows.shape[0])
        if not active:
            return out
        if out.requires_grad:
            out = out.clone()
        target = self._rows_first(out)
        if rows.dtype != out.dtype:
            rows = rows.to(out.dtype)
        if self._joinable and len(active) == len(self.terms) and _all_whole(active):
            self._add_joined(rows, target, [weight for _, _, weight in active])
        else:
            self._add_each(rows, target, active)
        for term, _, _ in active:
            term.ran = True
        return out

    def _original(self, x: Tensor) -> Tensor:
        """The input as it was given to `before`; other runs' patches may have changed it since."""
        changed: Tensor = x
        while (left := getattr(changed, ORIGINAL, None)) is not None:
            patch, changed = left
            if patch is self:
                return changed
        return x

    def _rows_first(self, x: Tensor) -> Tensor:
        return x.movedim(self.site.row_dim, 0) if self.site.row_dim and x.dim() > 2 else x

    def _active(self, terms: Sequence[Term], batch: int) -> list[Active]:
        """The terms that act, with their rows; those of weight 0 are not among them."""
        active: list[Active] = []
        for term in terms:
            weight = self.weights.weight(term.column, batch)
            if isinstance(weight, tuple) and not all(weight):
                active += [(term, part, piece) for part, piece in runs(weight)]
            elif weight:
                active.append((term, WHOLE, weight))
        return active

    def _scale(self, weight: RowWeights, like: Tensor) -> float | Tensor:
        """A float, or (rows, 1) where the weights differ by row."""
        if isinstance(weight, tuple):
            return self.weights.vector((weight,), (1,), like)
        return weight

    def _add_joined(self, x: Tensor, out: Tensor, weights: Sequence[RowWeights]) -> None:
        if self._joined is None or self._joined.down.dtype != out.dtype:
            parts = [term.cached.on(out.device, out.dtype) for term in self.terms]
            lows = [part for part in parts if isinstance(part, LowRank)]
            down, up = torch.cat([d.down for d in lows]), torch.cat([d.up for d in lows], dim=1)
            self._joined = LowRank(down, up)
        ranks = [part.up.shape[1] for part in self._lows(out)]
        add_low_rank(self.layer, self._joined, x, out, self.weights.vector(weights, ranks, out))
        for low, weight in zip(self._lows(out), weights, strict=True):
            self._add_bias(low, out, self._scale(weight, out))

    def _lows(self, out: Tensor) -> Iterator[LowRank]:
        for term in self.terms:
            delta = term.cached.on(out.device, out.dtype)
            assert isinstance(delta, LowRank)
            yield delta

    def _add_each(self, x: Tensor, out: Tensor, active: Sequence[Active]) -> None:
        product = (
            self._base_product(x, out) if any(_reads_wx(one) for one, _, _ in active) else None
        )
        for term, part, weight in active:
            delta = term.cached.on(out.device, out.dtype)
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
            # W(shift(x) − x) is in `out` already, as the layer was given the changed input.
            if delta.inner is not None:
                add(out, delta.inner(self.layer, delta.shift(self.layer, x)), scale)
        else:
            add(out, delta(self.layer, x, wx), scale)
        self._add_bias(delta, out, scale)

    def _add_bias(self, delta: Delta, out: Tensor, scale: float | Tensor) -> None:
        if delta.bias is not None:
            add(out, self.layer.along(delta.bias, out).expand_as(out), scale)

    def _base_product(self, x: Tensor, out: Tensor) -> Tensor:
        """Wx of the original x, without bias, from `out` where that is possible."""
        bias = self.site.bias
        if self.layer.kind == "norm":
            return self.layer.base(x)  # the normalised x, which `out` does not give back
        if self.changes_input:
            self.second_products += 1
        elif bias is None:
            return out.clone()
        elif bias.device == out.device:
            return out - self.layer.along(bias, out).to(out.dtype)
        return self.layer.base(x)


def _plain_low_rank(term: Term) -> bool:
    """Can its factors be joined with others' to one pair?"""
    delta = term.cached.delta
    return isinstance(delta, LowRank) and delta.mid is None


def _reads_wx(term: Term) -> bool:
    return term.cached.delta.reads == "wx"


def _all_whole(active: Sequence[Active]) -> bool:
    return all(part is WHOLE for _, part, _ in active)
