"""A pipeline with fused projections does not call the layers that a LoRA is for: that is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import live_lora
import pytest
from distances import distance
from live_lora.session.report import StrictError
from small_pipelines import SAME, latents


@pytest.fixture
def fused(pipe: Any) -> Iterator[Any]:
    """Its attention computes q, k and v by layers of their own: to_q, to_k, to_v are not called."""
    pipe.fuse_qkv_projections(vae=False)
    yield pipe
    pipe.unfuse_qkv_projections(vae=False)


def test_a_layer_that_is_never_called_is_a_problem(fused: Any, live: live_lora.Live) -> None:
    latents(fused, live, prompt="a fox<lora:fox:1>")
    assert live.report is not None
    (network,) = live.report.networks
    assert {one.key.rpartition(".")[2] for one in network.bypassed} == {"to_q", "to_k", "to_v"}
    assert {one.code for one in network.bypassed} == {"bypassed"}
    assert "call unfuse_qkv_projections() before" in network.bypassed_line
    assert network.ran_total + len(network.bypassed) == network.matched
    assert not live.report.ok


@pytest.mark.parametrize("weight", ["0", "1:unet=0", "1:start=9"])
def test_a_layer_without_a_weight_may_stay_uncalled(
    fused: Any, live: live_lora.Live, weight: str
) -> None:
    latents(fused, live, prompt=f"a fox<lora:fox:{weight}>")
    assert live.report is not None
    assert live.report.ok
    assert not any(one.bypassed for one in live.report.networks)


def test_strict_raises_after_the_run_and_keeps_its_output(fused: Any, library: Path) -> None:
    with live_lora.attach(fused, library=library, strict=True) as live:
        with pytest.raises(StrictError, match="never called") as raised:
            latents(fused, live, prompt="a fox<lora:fox:1>")
        assert distance(raised.value.result.images, latents(fused, prompt="a fox")) > SAME
