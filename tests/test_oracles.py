"""Files made by the trainers' own code give the outputs that code gave."""

from __future__ import annotations

import pytest
import torch
from live_lora import network
from oracle_host import NAMES, WEIGHTS, oracle, run_hooked, run_merged, trees


def far(got: torch.Tensor, want: torch.Tensor) -> float:
    """‖a − b‖ / ‖b‖."""
    return float((got.double() - want).norm() / want.double().norm())


@pytest.mark.parametrize("name", NAMES)
def test_hooks_give_the_peers_outputs(name: str) -> None:
    known = oracle(name)
    loaded = network.load(known.file)
    for m in {weight for _, weight in known.outputs}:
        got = run_hooked(loaded, trees(), m)
        want = {path: y for (path, weight), y in known.outputs.items() if weight == m}
        assert got.keys() == want.keys()
        assert {
            path: far(got[path], y) for path, y in want.items() if far(got[path], y) > 1e-4
        } == {}


@pytest.mark.parametrize("name", NAMES)
def test_hooks_equal_our_own_merge_in_float64(name: str) -> None:
    loaded = network.load(oracle(name).file)
    for m in WEIGHTS:
        got = run_hooked(loaded, trees(), m)
        for path, want in run_merged(loaded, m):
            error = (got[path] - want).abs().max() / want.abs().max()
            assert error <= 2e-6, (path, m, float(error))
