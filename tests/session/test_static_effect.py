"""ΔW against W, and two files' overlap, without a run: equal to the dense matrices in float64."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import live_lora
import pytest
import tiny_models as tiny
import torch
from live_lora.model.blocks import block_of
from live_lora.session.static_effect import static_effect
from torch import Tensor

ALPHA, RANK = 2.0, 4


@pytest.fixture(scope="module")
def pipe() -> Any:
    return tiny.sd15()


@pytest.fixture(scope="module")
def states(pipe: Any) -> dict[str, dict[str, Tensor]]:
    return {
        name: tiny.random_lora(pipe.unet, tiny.EVERYTHING, rank=RANK, seed=seed)
        for seed, name in enumerate(["fox", "owl"])
    }


@pytest.fixture
def live(pipe: Any, states: Any, tmp_path: Path) -> Any:
    for name, state in states.items():
        tiny.save_kohya(tmp_path / f"{name}.safetensors", {"unet": state}, alpha=ALPHA)
    with live_lora.attach(pipe, library=tmp_path) as live:
        yield live


def dense(state: dict[str, Tensor], path: str) -> Tensor:
    """ΔW, flattened, of a PEFT state: a convolution's A is its kernel."""
    down, up = (state[f"{path}.lora_{side}.weight"].double().flatten(1) for side in "AB")
    return ALPHA / RANK * (up @ down).flatten()


def test_ratio_and_overlap_are_those_of_dense_matrices(
    pipe: Any, live: Any, states: dict[str, dict[str, Tensor]]
) -> None:
    files = [live.catalog.find(name) for name in states]
    found = static_effect(live.core, files)
    ratios: dict[str, list[float]] = defaultdict(list)
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    base = 0.0
    for target in live.core.model.targets.values():
        if target.component != "unet" or f"{target.path}.lora_A.weight" not in states["fox"]:
            continue
        block = block_of(target)
        fox, owl = (dense(states[name], target.path) for name in ("fox", "owl"))
        w = pipe.unet.get_submodule(target.path).weight.detach().double()
        base += float(w.square().sum())
        ratios[str(block)].append(float(fox.norm() / w.norm()))
        parts = float(fox @ fox), float(owl @ owl), float(fox @ owl)
        sums[str(block)] = [a + b for a, b in zip(sums[str(block)], parts, strict=True)]
    assert set(found["blocks"]) == set(ratios)
    for at, block in enumerate(found["blocks"]):
        own = ratios[block]
        assert found["layers"][at] == len(own)
        assert found["ratio"]["fox"][at] == pytest.approx(sum(own) / len(own), rel=1e-5)
        first, second, both = sums[block]
        want = both / (first * second) ** 0.5
        assert found["overlap"]["blocks"][at] == pytest.approx(want, abs=1e-5)
    whole = sum(first for first, _, _ in sums.values())
    assert found["whole"]["fox"] == pytest.approx((whole / base) ** 0.5, rel=1e-5)


def test_a_file_overlaps_with_itself(live: Any) -> None:
    fox = live.catalog.find("fox")
    found = static_effect(live.core, [fox, fox])
    assert found["overlap"]["whole"] == pytest.approx(1.0)


def test_what_is_not_low_rank_is_compared_densely(live: Any) -> None:
    fox = live.catalog.find("fox")
    alone = static_effect(live.core, [fox])
    assert alone["overlap"] is None
    (bound,) = list(live.core.cache)
    from live_lora.deltas import Dense

    for key, cached in bound.deltas.items():
        layer = live.core.model.sites[key].layer()
        cached.delta = Dense(cached.delta.delta_weight(layer))
    again = static_effect(live.core, [fox])
    assert again["ratio"]["fox"] == pytest.approx(alone["ratio"]["fox"], rel=1e-4)
    assert torch.tensor(again["whole"]["fox"]) == pytest.approx(alone["whole"]["fox"], rel=1e-4)
