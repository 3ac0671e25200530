"""One network's share of a patch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from ..deltas import LowRank
from .cached_delta import CachedDelta
from .mask import Mask
from .weight_table import RowWeights, WeightTable, runs


@dataclass(slots=True)
class Term:
    """One network's share of a patch: m · D, with m from a column of the table.

    `ran` is set once a forward has really added it. `network` counts the run's files, `mask` is
    where in the picture it acts.
    """

    cached: CachedDelta
    column: int
    ran: bool = False
    network: int = 0
    mask: Mask | None = None

    @property
    def factored(self) -> bool:
        """Is it B A and nothing else, so that it can be joined with others to one pair?"""
        delta = self.cached.delta
        return isinstance(delta, LowRank) and delta.mid is None and delta.bias is None

    def factors(self, device: torch.device, dtype: torch.dtype) -> LowRank:
        """A factored term's A and B."""
        delta = self.cached.on(device, dtype)
        assert isinstance(delta, LowRank)
        return delta


# A term, the rows on which it acts, and their weights.
Active = tuple[Term, slice, RowWeights]
WHOLE = slice(None)


def active(terms: Sequence[Term], table: WeightTable, batch: int) -> Iterator[Active]:
    """The terms that act on a call with `batch` rows; those of weight 0 are not among them."""
    for term in terms:
        weight = table.weight(term.column, batch)
        if isinstance(weight, tuple) and not all(weight):
            for part, piece in runs(weight):
                yield term, part, piece
        elif weight:
            yield term, WHOLE, weight
