"""The one table of weights of a run, at the present progress: asked by every hook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ..records import Progress, Row

# One float where all rows have the same weight, else one for each row.
RowWeights = float | tuple[float, ...]
WeightFunction = Callable[[Row, Progress], float]


class WeightTable:
    """Rows × columns of weights at the present progress, a column computed when first asked for.

    A row is one of the batch. A column is one network on one group of targets: those on which its
    weights are always equal.
    """

    def __init__(self, columns: Sequence[WeightFunction]) -> None:
        self._columns = list(columns)
        self._weights: dict[int, RowWeights] = {}
        self._vectors: dict[object, Tensor] = {}
        self.rows: tuple[Row, ...] = (Row(),)
        self.progress: tuple[Progress, ...] = (Progress(),)
        # (rows of the call, rows announced), where these differ and it mattered
        self.mismatches: set[tuple[int, int]] = set()

    def move(
        self,
        progress: Progress | Sequence[Progress] | None = None,
        rows: Sequence[Row] | None = None,
    ) -> None:
        """The host says where sampling stands and what the batches of the next calls hold.

        `progress` is one for all rows, or one for each: a text encoder may read in one call the
        prompts of several stretches of a schedule.
        """
        if progress is None:
            moments = self.progress
        else:
            moments = (progress,) if isinstance(progress, Progress) else tuple(progress)
        rows = self.rows if rows is None else tuple(rows)
        if moments != self.progress or rows != self.rows:
            self.progress, self.rows = moments, rows
            self._weights.clear()
            self._vectors.clear()

    def weight(self, column: int, batch: int) -> RowWeights:
        """The weights of a column for a call with `batch` rows.

        Where that is not the number announced and the weights differ by row, nobody can tell
        which row is which: the first row's weight is used for all, and `mismatches` tells.
        """
        weight = self._weight(column)
        if isinstance(weight, tuple) and len(weight) != batch:
            self.mismatches.add((batch, len(weight)))
            return weight[0]
        return weight

    def acts(self, column: int) -> bool:
        """Whether any row announced has a weight other than 0."""
        weight = self._weight(column)
        return any(weight) if isinstance(weight, tuple) else bool(weight)

    def _weight(self, column: int) -> RowWeights:
        weight = self._weights.get(column)
        if weight is None:
            weight = self._weights[column] = self._compute(self._columns[column])
        return weight

    def _compute(self, column: WeightFunction) -> RowWeights:
        moments = self.progress if len(self.progress) > 1 else self.progress * len(self.rows)
        pairs = list(zip(self.rows, moments, strict=True))
        known = {pair: column(*pair) for pair in dict.fromkeys(pairs)}
        weights = tuple(known[pair] for pair in pairs)
        return weights[0] if len(set(weights)) == 1 else weights

    def vector(self, weights: Sequence[RowWeights], widths: Sequence[int], like: Tensor) -> Tensor:
        """Several columns as a tensor, each repeated as often as its width says.

        (1, Σ widths), or (rows, Σ widths) where one of them differs by row; with the dtype and on
        the device of `like`. It is kept until the next move.
        """
        key = (tuple(weights), tuple(widths), like.device, like.dtype)
        found = self._vectors.get(key)
        if found is None:
            rows = max((len(w) for w in weights if isinstance(w, tuple)), default=1)
            columns = [w if isinstance(w, tuple) else (w,) * rows for w in weights]
            table = torch.tensor(columns, dtype=torch.float64).t()  # (rows, columns)
            table = table.repeat_interleave(torch.tensor(widths), dim=1)
            found = self._vectors[key] = table.to(like.device, like.dtype)
        return found


def runs(weights: tuple[float, ...]) -> Iterator[tuple[slice, RowWeights]]:
    """The stretches of rows whose weights are not 0: those of weight 0 are left alone.

    Left alone, not multiplied by 0: they keep every bit, even where D is not finite.
    """
    start = 0
    for end in range(1, len(weights) + 1):
        if end == len(weights) or bool(weights[end]) != bool(weights[start]):
            part = weights[start:end]
            if part[0]:
                yield slice(start, end), part[0] if len(set(part)) == 1 else part
            start = end
