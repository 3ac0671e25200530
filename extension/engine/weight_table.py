"""The one table of weights of a run, at the present progress: filled once per move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..records import Progress, Row

# One float where all rows have the same weight, else one for each row.
RowWeights = float | tuple[float, ...]
WeightFunction = Callable[[Row, Progress], float]
# What an arithmetic may count on until the shape changes: the weights themselves where they do not
# depend on the progress; else None (one number, now and then another), or which rows act.
CellShape = RowWeights | None | tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One network on one group of targets, those on which its weights are always equal.

    `constant` promises that the progress changes nothing; the rows may.
    """

    weight: WeightFunction
    constant: bool = False


Slots = tuple[tuple[int, int], ...]  # columns, each with how often its weight is repeated


@dataclass(frozen=True, slots=True)
class Vector:
    """Weights on a device, (rows or 1, ranks): each row's columns by its slots, then zeros."""

    slots: tuple[Slots, ...]
    values: Tensor

    def fill(self, weights: Sequence[RowWeights]) -> None:
        """The weights of now; nothing where they are those of another number of rows."""
        rows, ranks = self.values.shape
        columns = {column for row in self.slots for column, _ in row}
        if all(len(w) == rows for w in map(weights.__getitem__, columns) if isinstance(w, tuple)):
            lines = [_line(weights, row, slots) for row, slots in enumerate(self.slots)]
            padded = [line + [0.0] * (ranks - len(line)) for line in lines]
            # From pageable memory it is staged at once: the device is not waited for.
            self.values.copy_(torch.tensor(padded, dtype=torch.float64), non_blocking=True)


def _line(weights: Sequence[RowWeights], row: int, slots: Slots) -> list[float]:
    """One row of a vector."""
    line: list[float] = []
    for column, width in slots:
        weight = weights[column]
        line += [weight[row] if isinstance(weight, tuple) else weight] * width
    return line


class WeightTable:
    """Rows × columns of weights at the present progress. A row is one of the batch.

    `weights` and `numbers` (the first row's) are lists that stay the same objects: what reads them
    at every call needs no word of a move. `shapes` tells what can be counted on; where one changes,
    `changed` is called.
    """

    def __init__(self, columns: Sequence[WeightFunction | Column]) -> None:
        self._columns = [one if isinstance(one, Column) else Column(one) for one in columns]
        self.rows: tuple[Row, ...] = (Row(),)
        self.progress: tuple[Progress, ...] = (Progress(),)
        self.weights: list[RowWeights] = [0.0] * len(self._columns)
        self.numbers: list[float] = [0.0] * len(self._columns)
        self.shapes: list[CellShape] = [0.0] * len(self._columns)
        self.moved: list[Callable[[], None]] = []
        self.changed: list[Callable[[], None]] = []
        self.by_call = False  # whether the host tells the rows of every call of the model
        # (rows of the call, rows announced), where nobody could tell which is which
        self.mismatches: set[tuple[int, int]] = set()
        self._vectors: dict[tuple[object, ...], Vector] = {}
        self._fill(constants=True)

    def move(
        self,
        progress: Progress | Sequence[Progress] | None = None,
        rows: Sequence[Row] | None = None,
    ) -> None:
        """The host says where sampling stands and what the batches of the next calls hold.

        `progress` is one for all rows, or one for each: a text encoder may read in one call the
        prompts of several stretches of a schedule. ValueError where their numbers differ.
        """
        if progress is None:
            moments = self.progress
        else:
            moments = (progress,) if isinstance(progress, Progress) else tuple(progress)
        rows = self.rows if rows is None else tuple(rows)
        if moments != self.progress or rows != self.rows:
            if len(moments) > 1 and len(moments) != len(rows):
                raise ValueError(f"{len(moments)} moments for {len(rows)} rows")
            constants = rows != self.rows
            self.progress, self.rows = moments, rows
            self._fill(constants)

    def vary(self, columns: Iterable[int]) -> None:
        """The weights of these columns change with the progress from now on."""
        for index in columns:
            self._columns[index] = replace(self._columns[index], constant=False)

    def _fill(self, constants: bool) -> None:
        pairs = list(self.moments())
        before = list(self.shapes)
        for index, column in enumerate(self._columns):
            if column.constant and not constants:
                continue
            weight = self.weights[index] = _weights(column.weight, pairs)
            self.numbers[index] = weight[0] if isinstance(weight, tuple) else weight
            self.shapes[index] = weight if column.constant else _pattern(weight)
        for vector in self._vectors.values():
            vector.fill(self.weights)
        for tell in self.moved if self.shapes == before else (*self.moved, *self.changed):
            tell()

    def weight(self, column: int, batch: int) -> RowWeights:
        """The weights of a column for a call with `batch` rows.

        Where that is no multiple of the number announced and the weights differ by row, nobody can
        tell which row is which: the first row's weight is used for all, and `mismatches` tells.
        """
        weight = self.weights[column]
        if not isinstance(weight, tuple) or len(weight) == batch:
            return weight
        lines = self.lines(batch)
        if not lines:
            self.mismatches.add((batch, len(weight)))
            return weight[0]
        return tuple(weight[line] for line in lines)

    def lines(self, batch: int) -> list[int]:
        """Which of the announced rows each row of a larger call is; empty for no multiple of them.

        The batch is repeated for several tiles of the picture. Where its rows are those of the very
        call of the model (`by_call`), a layer inside it has each row cut into tiles, one after the
        other: so does HyperTile.
        """
        rows = range(len(self.rows))
        times, rest = divmod(batch, len(rows))
        if rest or not times:
            return []
        return [row for row in rows for _ in range(times)] if self.by_call else [*rows] * times

    def acts(self, column: int) -> bool:
        """Whether any row announced has a weight other than 0."""
        weight = self.weights[column]
        return any(weight) if isinstance(weight, tuple) else bool(weight)

    def moments(self) -> Iterator[tuple[Row, Progress]]:
        """The rows announced, each with its progress."""
        whens = self.progress if len(self.progress) > 1 else self.progress * len(self.rows)
        return zip(self.rows, whens, strict=True)

    def at(self, column: int, row: Row, progress: Progress) -> float:
        """A column's weight on that row, then."""
        return self._columns[column].weight(row, progress)

    def vector(
        self, columns: Sequence[int], widths: Sequence[int], like: Tensor, ranks: int = 0
    ) -> Tensor:
        """Several columns as a tensor, each repeated as often as its width says.

        (1, Σ widths), or (rows, Σ widths) where one of them differs by row; with the dtype and on
        the device of `like`; with zeros behind, if it is to have more `ranks`. It is the same
        tensor for the whole run, filled anew at every move.
        """
        each = [self.weights[column] for column in columns]
        rows = max((len(one) for one in each if isinstance(one, tuple)), default=1)
        return self.vector_by_row([tuple(zip(columns, widths, strict=True))] * rows, like, ranks)

    def vector_by_row(self, slots: Sequence[Slots], like: Tensor, ranks: int = 0) -> Tensor:
        """The same, (rows, ranks), where each row has columns of its own; padded with zeros."""
        key = (tuple(slots), like.device, like.dtype, ranks)
        found = self._vectors.get(key)
        if found is None:
            ranks = ranks or max(sum(width for _, width in row) for row in slots)
            with torch.inference_mode(False):  # it is written outside of inference mode, too
                values = torch.empty(len(slots), ranks, device=like.device, dtype=like.dtype)
            found = self._vectors[key] = Vector(tuple(slots), values)
            found.fill(self.weights)
        return found.values


def _weights(column: WeightFunction, pairs: Sequence[tuple[Row, Progress]]) -> RowWeights:
    known = {pair: column(*pair) for pair in dict.fromkeys(pairs)}
    weights = tuple(known[pair] for pair in pairs)
    return weights[0] if len(set(weights)) == 1 else weights


def _pattern(weight: RowWeights) -> CellShape:
    if isinstance(weight, tuple):
        return tuple(bool(one) for one in weight)
    return None if weight else 0.0


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
