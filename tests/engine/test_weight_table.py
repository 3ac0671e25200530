"""The table of weights and the box of a cached delta, by themselves."""

from __future__ import annotations

import pytest
import torch
from live_lora.deltas import Dense, LowRank
from live_lora.engine.layer_patch import CachedDelta
from live_lora.engine.weight_table import WeightTable, runs
from live_lora.records import Progress, Row

LIKE = torch.zeros(1)


def test_progress_changes_weights() -> None:
    weights = WeightTable([lambda row, progress: progress.fraction])
    assert weights.weight(0, 1) == 0
    weights.move(Progress(3, 7))
    assert weights.weight(0, 1) == 0.5


def test_a_column_is_asked_once_for_each_row_that_differs_and_only_if_needed() -> None:
    asked: list[tuple[int, int]] = []

    def column(row: Row, progress: Progress) -> float:
        asked.append((row.picture, progress.step))
        return 1.0

    table = WeightTable([column, column])
    table.move(rows=[Row(0), Row(1), Row(0)])
    for _ in range(3):
        assert table.weight(1, 3) == 1.0
    assert asked == [(0, 0), (1, 0)]
    table.move(Progress(0), [Row(0), Row(1), Row(0)])  # where it is already
    table.weight(1, 3)
    assert len(asked) == 2
    table.move(Progress(1, 2))
    table.weight(1, 3)
    assert asked[2:] == [(0, 1), (1, 1)]


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
    table.move(rows=[Row(0)] * 3)
    with pytest.raises(ValueError, match="zip"):
        table.weight(0, 3)


def test_columns_as_a_tensor() -> None:
    table = WeightTable([])
    one = table.vector((0.5, 2.0), (1, 2), LIKE)
    assert one.tolist() == [[0.5, 2.0, 2.0]]
    two = table.vector(((1.0, 3.0), 0.5), (1, 1), LIKE.half())
    assert (two.tolist(), two.dtype) == ([[1.0, 0.5], [3.0, 0.5]], torch.float16)


def test_tensors_are_kept_until_the_next_move_and_no_longer() -> None:
    table = WeightTable([])
    first = table.vector((0.5, 2.0), (1, 2), LIKE)
    assert table.vector((0.5, 2.0), (1, 2), LIKE) is first
    assert table.vector((0.5, 2.0), (2, 1), LIKE) is not first
    assert table.vector((0.5, 2.0), (1, 2), LIKE.double()).dtype == torch.float64
    for step in range(1, 100):  # a slider or a curve: each step has weights of its own
        table.move(Progress(step, 100))
        table.vector((step / 100, 2.0), (1, 2), LIKE)
    assert len(table._vectors) == 1


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
