"""The table of weights and the box of a cached delta, by themselves."""

from __future__ import annotations

import pytest
import torch
from live_lora.deltas import Dense, LowRank
from live_lora.engine.cached_delta import CachedDelta
from live_lora.engine.weight_table import Column, WeightTable, runs
from live_lora.records import Progress, Row

LIKE = torch.zeros(1)


def test_progress_changes_weights() -> None:
    weights = WeightTable([lambda row, progress: progress.fraction])
    assert weights.weight(0, 1) == 0
    weights.move(Progress(3, 7))
    assert weights.weight(0, 1) == 0.5


def test_a_column_is_asked_once_for_each_row_that_differs_and_not_for_what_stays() -> None:
    asked: list[tuple[int, int]] = []

    def weight(row: Row, progress: Progress) -> float:
        asked.append((row.picture, progress.step))
        return 1.0

    table = WeightTable([weight])
    asked.clear()
    table.move(rows=[Row(0), Row(1), Row(0)])
    assert table.weight(0, 3) == 1.0
    assert asked == [(0, 0), (1, 0)]
    table.move(Progress(0), [Row(0), Row(1), Row(0)])  # where it is already
    assert len(asked) == 2
    table.move(Progress(1, 2))
    assert asked[2:] == [(0, 1), (1, 1)]


def test_a_constant_column_is_asked_again_for_other_rows_only() -> None:
    asked: list[int] = []

    def weight(row: Row, progress: Progress) -> float:
        asked.append(row.picture)
        return 1.0

    table = WeightTable([Column(weight, constant=True)])
    for step in range(3):
        table.move(Progress(step, 3))
    assert asked == [0]
    table.move(rows=[Row(4)])
    assert asked == [0, 4]


HALF = (Row(0), Row(1))
SHAPES = [
    # weights of two rows, constant or not, what can be counted on
    ((0.5, 0.5), True, 0.5),
    ((0.5, 0.5), False, None),
    ((0.0, 0.0), False, 0.0),
    ((0.5, 0.0), True, (0.5, 0.0)),
    ((0.5, 0.0), False, (True, False)),
]


@pytest.mark.parametrize(("weights", "constant", "shape"), SHAPES)
def test_what_can_be_counted_on(
    weights: tuple[float, float], constant: bool, shape: object
) -> None:
    table = WeightTable([Column(lambda row, progress: weights[row.picture], constant)])
    table.move(rows=HALF)
    assert table.shapes == [shape]


def test_who_listens_is_told_of_moves_and_of_other_shapes_apart() -> None:
    table, told = WeightTable([lambda row, progress: float(progress.step)]), []
    table.moved.append(lambda: told.append("moved"))
    table.changed.append(lambda: told.append("changed"))
    for step in (1, 2, 2, 0):
        table.move(Progress(step, 3))
    assert told == ["moved", "changed", "moved", "moved", "changed"]


def test_equal_weights_are_one_number_and_others_one_for_each_row() -> None:
    table = WeightTable([lambda row, progress: 0.5, lambda row, progress: float(row.picture)])
    table.move(rows=[Row(0), Row(1)])
    assert table.weight(0, 2) == 0.5
    assert table.weight(1, 2) == (0.0, 1.0)
    assert table.weight(0, 7) == 0.5
    assert table.mismatches == set()
    assert table.weight(1, 7) == 0.0
    assert table.mismatches == {(7, 2)}


def test_each_row_may_have_its_own_moment() -> None:
    table = WeightTable([lambda row, progress: float(progress.step)])
    table.move([Progress(1, 9), Progress(4, 9)], [Row(0), Row(0)])
    assert table.weight(0, 2) == (1.0, 4.0)
    with pytest.raises(ValueError, match="2 moments for 3 rows"):
        table.move(rows=[Row(0)] * 3)


def table_of(*weights: float | tuple[float, ...]) -> WeightTable:
    def function(weight: float | tuple[float, ...]) -> Column:
        return Column(lambda row, _: weight[row.picture] if isinstance(weight, tuple) else weight)

    table = WeightTable([function(weight) for weight in weights])
    table.move(rows=[Row(0), Row(1)])
    return table


def test_columns_as_a_tensor() -> None:
    one = table_of(0.5, 2.0).vector((0, 1), (1, 2), LIKE)
    assert one.tolist() == [[0.5, 2.0, 2.0]]
    two = table_of((1.0, 3.0), 0.5).vector((0, 1), (1, 1), LIKE.half())
    assert (two.tolist(), two.dtype) == ([[1.0, 0.5], [3.0, 0.5]], torch.float16)


def test_columns_of_each_row_as_a_tensor() -> None:
    table = table_of((1.0, 3.0), 0.5, 7.0)
    made = table.vector_by_row([((0, 2),), ((1, 1), (0, 1), (2, 1))], LIKE)
    assert made.tolist() == [[1.0, 1.0, 0.0], [0.5, 3.0, 7.0]]


def test_a_tensor_of_weights_is_one_for_the_whole_run_and_follows_every_move() -> None:
    table = WeightTable([lambda row, progress: float(progress.step), lambda row, progress: 2.0])
    first = table.vector((0, 1), (1, 2), LIKE)
    assert table.vector((0, 1), (1, 2), LIKE) is first
    assert table.vector((0, 1), (2, 1), LIKE) is not first
    assert table.vector((0, 1), (1, 2), LIKE.double()).dtype == torch.float64
    for step in range(1, 100):  # a slider or a curve: each step has weights of its own
        with torch.inference_mode(step % 2 == 0):
            table.move(Progress(step, 100))
        assert first.tolist() == [[step, 2.0, 2.0]]
    assert len(table._vectors) == 3


def test_a_tensor_by_row_waits_for_its_rows() -> None:
    table = table_of((1.0, 3.0))
    made = table.vector((0,), (1,), LIKE)
    table.move(rows=[Row(1), Row(0), Row(1)])
    assert made.tolist() == [[1.0], [3.0]]
    table.move(rows=[Row(1), Row(0)])
    assert made.tolist() == [[3.0], [1.0]]


@pytest.mark.parametrize(
    ("weights", "stretches"),
    [
        ((0.0, 0.0), []),
        ((1.0, 0.0), [(0, 1, 1.0)]),
        ((0.0, 1.0), [(1, 2, 1.0)]),
        ((0.5, 0.5, 0.0, 2.0), [(0, 2, 0.5), (3, 4, 2.0)]),
        ((0.0, 1.0, 2.0, 0.0), [(1, 3, (1.0, 2.0))]),
        ((-1.0, 1.0, 0.0), [(0, 2, (-1.0, 1.0))]),
    ],
)
def test_rows_of_weight_zero_are_in_no_stretch(
    weights: tuple[float, ...], stretches: list[object]
) -> None:
    assert [(part.start, part.stop, weight) for part, weight in runs(weights)] == stretches


def test_a_cached_delta_is_moved_once() -> None:
    cached = CachedDelta(LowRank(torch.ones(2, 4), torch.ones(3, 2), bias=torch.ones(3)))
    assert cached.size == (8 + 6 + 3) * 4
    half = cached.on(torch.device("cpu"), torch.float16)
    assert half.down.dtype == half.bias.dtype == torch.float16
    assert cached.on(torch.device("cpu"), torch.float16) is half
    assert cached.size == (8 + 6 + 3) * 2
    assert cached.on(torch.device("cpu"), torch.float32).up.dtype == torch.float32


def test_what_is_in_place_already_is_not_copied() -> None:
    delta = Dense(torch.ones(2, 2))
    assert CachedDelta(delta).on(torch.device("cpu"), torch.float32) is delta
