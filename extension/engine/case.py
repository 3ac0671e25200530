"""Which arithmetic a layer gets: decided once for a shape of its weights, never during a call."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import gcd

import torch
from torch import Tensor

from ..deltas import Layer, LowRank
from . import low_rank
from .low_rank import Add, RowFactors
from .masked_outputs import Placing
from .shared_input import Member
from .spare_memory import SPARES
from .terms import Term
from .weight_table import CellShape, WeightTable

ONE = (1.0,)  # the number of factors whose weights are inside of them
Weighted = tuple[tuple[int, float], ...]  # the terms that act on a row, with weights to put into B


class Case:
    """The terms of a layer that act, with what their weights are like; `otherwise` as in low_rank.

    Without any that acts there is nothing to do; where all are plain factors of a linear layer or
    a convolution, they are added as one pair; all else is `GeneralForm`'s.
    """

    def __init__(
        self,
        layer: Layer,
        row_dim: int,
        terms: Sequence[Term],
        key: Sequence[CellShape],
        table: WeightTable,
        otherwise: Add,
        placing: Placing,
    ) -> None:
        acting = [(term, shape) for term, shape in zip(terms, key, strict=True) if shape != 0.0]
        self.layer, self.row_dim = layer, row_dim
        self.terms = [term for term, _ in acting]
        self.shapes = [shape for _, shape in acting]
        self.table, self.otherwise, self.placing = table, otherwise, placing

    def settled(
        self, dtype: torch.dtype, working: torch.dtype, device: torch.device
    ) -> tuple[Add | None, Member | None]:
        """The arithmetic for inputs of `dtype` and outputs of `working`, None where only the
        general one will do; and how it can share A x with other layers, if it can.
        """
        if not self.terms:
            return nothing, None
        if not self._factored:
            return None, None
        lows = [term.factors(device, working) for term in self.terms]
        if any(self.placing.masks(self.terms)):
            form, member = self._by_place(lows)
        elif any(isinstance(shape, tuple) for shape in self.shapes):
            form, member = self._by_row(lows), None
        else:
            form, member = self._uniform(lows)
        if form is not None and dtype is not working:  # autocast: x has 32 bits, the output 16
            return _casting(form, working), None
        return form, member

    @property
    def _factored(self) -> bool:
        layer = self.layer
        plain = layer.kind == "linear" or (layer.kind == "conv" and layer.padding_mode == "zeros")
        return plain and layer.groups == 1 and all(term.factored for term in self.terms)

    def _uniform(self, lows: Sequence[LowRank]) -> tuple[Add, Member | None]:
        """All rows have the same weights."""
        columns = [term.column for term in self.terms]
        if len(lows) == 1:
            return self._by_number(lows[0], self.table.numbers, columns[0])
        numbers = [shape for shape in self.shapes if isinstance(shape, float)]
        if len(numbers) == len(lows):
            return self._by_number(joined(lows, numbers), ONE, 0)
        return self._by_vector(lows), None

    def _by_number(
        self, low: LowRank, numbers: Sequence[float], column: int
    ) -> tuple[Add, Member | None]:
        if self.layer.kind == "conv":
            return low_rank.on_conv(self.layer, low, numbers, column, self.otherwise), None
        member = Member.by_number(low, numbers, column, self.otherwise)
        return member.alone, member

    def _by_vector(self, lows: Sequence[LowRank]) -> Add:
        low = joined(lows)
        columns, widths = [t.column for t in self.terms], [one.up.shape[1] for one in lows]
        weights = self.table.vector(columns, widths, low.up)
        if self.layer.kind == "conv":
            return low_rank.on_conv_by_vector(self.layer, low, weights, self.otherwise)
        return low_rank.by_vector(low, weights, self.otherwise)

    def _by_place(self, lows: Sequence[LowRank]) -> tuple[Add | None, Member | None]:
        """Some of them under a mask, which is on h; rows that some do not act on are not here."""
        if any(isinstance(shape, tuple) and not all(shape) for shape in self.shapes):
            return None, None
        ranks = [low.up.shape[1] for low in lows]
        masks = self.placing.masks(self.terms)
        over = self.placing.over(tuple(zip(masks, ranks, strict=True)))
        numbers = [shape for shape in self.shapes if isinstance(shape, float)]
        constant = len(numbers) == len(lows)
        low, weights = joined(lows, numbers if constant else ()), None
        if not constant:
            weights = self.table.vector([t.column for t in self.terms], ranks, low.up)
        if self.layer.kind == "conv":
            form = low_rank.on_conv_by_place(self.layer, low, over, weights, self.otherwise)
            return form, None
        if weights is not None:
            return low_rank.by_place(low, over, weights, self.otherwise), None
        member = Member.by_place(low, over, self.otherwise)
        return member.alone, member

    def _by_row(self, lows: Sequence[LowRank]) -> Add | None:
        if self.row_dim:
            return None
        if all(all(shape) for shape in self.shapes if isinstance(shape, tuple)):
            return self._by_vector(lows)
        if self.layer.kind == "conv":
            return None
        return self._by_sets(lows)

    def _by_sets(self, lows: Sequence[LowRank]) -> Add:
        """Rows with different terms: factors for each row, none of them computed for nothing."""
        rows = range(len(self.table.rows))
        sets = [tuple(i for i, shape in enumerate(self.shapes) if _at(shape, row)) for row in rows]
        if any(shape is None or _varies(shape) for shape in self.shapes):
            slots = [
                tuple((self.terms[i].column, lows[i].up.shape[1]) for i in one) for one in sets
            ]
            weights = self.table.vector_by_row(slots, lows[0].up)
            own = RowFactors.of([[(lows[i], 1.0) for i in one] for one in sets])
            return low_rank.by_row(own, weights, self.otherwise)
        weighted = [tuple((i, _at(self.shapes[i], row)) for i in sets[row]) for row in rows]
        repeats, base = _once(weighted)
        period = next(n for n in range(1, len(base) + 1) if base == base[:n] * (len(base) // n))
        own = RowFactors.of(
            [[(lows[i], m) for i, m in one] for one in base[:period]], repeats, len(base) // period
        )
        return low_rank.by_row(own, None, self.otherwise)


def nothing(x: Tensor, out: Tensor) -> Tensor:
    """No weight is other than 0."""
    return out


def joined(lows: Sequence[LowRank], weights: Sequence[float] = ()) -> LowRank:
    """Several pairs as one, the weights put into B."""
    common = tuple(low.common for low in lows)
    down, up = (
        SPARES.joined([getattr(low, name) for low in lows], dim)
        for name, dim in (("down", 0), ("up", 1))
    )
    if weights:
        ranks = [low.up.shape[1] for low in lows]
        for part, weight in zip(up.split_with_sizes(ranks, dim=1), weights, strict=True):
            part.mul_(weight)
    return LowRank(down, up, common=None if None in common else common)


def _at(shape: CellShape, row: int) -> float:
    """The weight on that row; 1 where it acts with one that varies."""
    value = shape[row] if isinstance(shape, tuple) else shape
    return 1.0 if value is None else float(value)


def _varies(shape: CellShape) -> bool:
    return isinstance(shape, tuple) and isinstance(shape[0], bool)


def _once(rows: Sequence[Weighted]) -> tuple[int, list[Weighted]]:
    """[a a b b a a] → 2, [a b a]: how often all rows are repeated, and each once."""
    repeats = gcd(*(len(list(same)) for _, same in groupby(rows)))
    return repeats, list(rows[::repeats])


def _casting(form: Add, dtype: torch.dtype) -> Add:
    return lambda x, out: form(x.to(dtype), out)
