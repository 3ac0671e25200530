"""The one table of weights: (network, target) × row × progress, asked by every hook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ..records import Progress, Row

# A weight that is the same for every row is a float, else one float per row.
RowWeights = float | tuple[float, ...]
WeightFunction = Callable[[Row, Progress], float]


class WeightTable:
    """Weights of all cells at the present progress and rows, each computed when first asked for.

    A cell is what one network has on one group of targets whose weights are always equal.
    """

    def __init__(self, cells: Sequence[WeightFunction]) -> None:
        self._cells = list(cells)
        self._weights: dict[int, RowWeights] = {}
        self._vectors: dict[object, Tensor] = {}
        self.rows: tuple[Row, ...] = (Row(),)
        self.progress: tuple[Progress, ...] = (Progress(),)
        # (rows seen, rows announced) of calls whose batch was not what the host had said
        self.mismatches: set[tuple[int, int]] = set()

    def move(
        self,
        progress: Progress | Sequence[Progress] | None = None,
        rows: Sequence[Row] | None = None,
    ) -> None:
        """The host says where sampling stands and what the next calls' batches hold.

        `progress` is one for all rows, or one per row: a text encoder reads the prompts of several
        stretches of a schedule in one call.
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

    def weight(self, cell: int, batch: int) -> RowWeights:
        """The weight of a cell for a call with `batch` rows.

        Where they are not the announced rows and the weights differ by row, nobody can tell which
        row is which: picture 0 decides for all, and `mismatches` keeps it for the report.
        """
        weight = self._weights.get(cell)
        if weight is None:
            weight = self._weights[cell] = self._compute(self._cells[cell])
        if isinstance(weight, tuple) and len(weight) != batch:
            self.mismatches.add((batch, len(weight)))
            return weight[0]
        return weight

    def _compute(self, cell: WeightFunction) -> RowWeights:
        moments = self.progress if len(self.progress) > 1 else self.progress * len(self.rows)
        pairs = list(zip(self.rows, moments, strict=True))
        known = {pair: cell(*pair) for pair in dict.fromkeys(pairs)}
        weights = tuple(known[pair] for pair in pairs)
        return weights[0] if len(set(weights)) == 1 else weights

    def vector(self, weights: Sequence[RowWeights], widths: Sequence[int], like: Tensor) -> Tensor:
        """Weights as a tensor: (1, Σ widths) or (rows, Σ widths), kept until the next move."""
        key = (tuple(weights), tuple(widths), like.device, like.dtype)
        found = self._vectors.get(key)
        if found is None:
            rows = max((len(w) for w in weights if isinstance(w, tuple)), default=1)
            columns = [w if isinstance(w, tuple) else (w,) * rows for w in weights]
            table = torch.tensor(columns, dtype=torch.float64).t()  # (rows, networks)
            table = table.repeat_interleave(torch.tensor(widths), dim=1)
            found = self._vectors[key] = table.to(like.device, like.dtype)
        return found


def runs(weights: tuple[float, ...]) -> Iterator[tuple[slice, RowWeights]]:
    """Stretches of rows with a weight other than 0: what is 0 is skipped, not multiplied."""
    start = 0
    for end in range(1, len(weights) + 1):
        if end == len(weights) or bool(weights[end]) != bool(weights[start]):
            part = weights[start:end]
            if part[0]:
                yield slice(start, end), part[0] if len(set(part)) == 1 else part
            start = end
