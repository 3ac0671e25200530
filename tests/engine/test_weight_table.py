"""The table of weights, and the box that a cached delta is moved in."""

from __future__ import annotations

from live_lora.engine.weight_table import WeightTable
from live_lora.records import Progress


def test_progress_changes_weights() -> None:
    weights = WeightTable([lambda row, progress: progress.fraction])
    assert weights.weight(0, 1) == 0
    weights.move(Progress(3, 7))
    assert weights.weight(0, 1) == 0.5
