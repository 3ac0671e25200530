"""What hooking and folding cost: measured once, kept, and doubted where the machine was busy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from live_lora.engine import costs
from live_lora.engine.costs import Costs

COSTS = Costs(hook=1e-5, flop=1e-9, fold=1e-5, weight=1e-9, fold_flop=1e-9)


def test_costs_are_measured_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, file = torch.device("cpu"), tmp_path / "new" / "costs.json"
    counted: list[torch.dtype] = []
    monkeypatch.setattr(costs, "measured", lambda device, dtype: counted.append(dtype) or COSTS)
    for _ in range(2):  # as two starts of a program
        costs.known.cache_clear()
        assert costs.known(cpu, torch.float32, file) == COSTS
    costs.known(cpu, torch.bfloat16, file)
    assert counted == [torch.float32, torch.bfloat16]
    for broken in ("{", "[]", file.read_text().replace("hook", "hock")):
        file.write_text(broken)
        costs.known.cache_clear()
        assert costs.known(cpu, torch.float32, file) == COSTS
    assert len(counted) == 5
    costs.known.cache_clear()


def test_costs_from_a_busy_machine_are_not_kept_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu, file = torch.device("cpu"), tmp_path / "costs.json"
    spreads = [3.0, 4.0, 1.6, 1.2]  # of what is measured at each start
    at_start = iter(spreads)
    monkeypatch.setattr(
        costs, "measured", lambda device, dtype: replace(COSTS, spread=next(at_start))
    )
    found = []
    for _ in range(6):
        costs.known.cache_clear()
        found.append(costs.known(cpu, torch.float32, file).spread)
    assert found == [3.0, 3.0, 1.6, 1.2, 1.2, 1.2]  # the quietest there was, and then that
    costs.known.cache_clear()


def test_costs_are_plausible() -> None:
    made = costs.measured(torch.device("cpu"), torch.float32)
    assert made.spread >= 1
    assert 0 < made.hook < 1e-2
    assert 0 < made.fold < 1e-2
    assert 0 < made.flop < 1e-6
    assert 0 <= made.fold_flop < 1e-6
    assert 0 < made.weight < 1e-6


def test_measuring_costs_draws_nothing_from_the_hosts_generator() -> None:
    """It may be in the middle of sampling: the first picture would not be that of its seed."""
    before = torch.get_rng_state()
    costs.measured(torch.device("cpu"), torch.float32)
    assert torch.equal(torch.get_rng_state(), before)
