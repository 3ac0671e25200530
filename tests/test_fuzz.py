"""500 damaged files (20,000 of them: tests/benchmarks/fuzz.py)."""

from __future__ import annotations

from pathlib import Path

import fuzzing
import pytest


@pytest.mark.parametrize("seed", range(5))
def test_damaged_files_are_refused_or_used_correctly(tmp_path: Path, seed: int) -> None:
    results = fuzzing.campaign(100, seed, tmp_path)
    assert results.total() == 100
    assert {"refused", "in part"} <= results.keys()
