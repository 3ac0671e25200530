"""Pipelines that are compiled: by ours with places for LoRAs, or by their host before ours came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import live_lora
import torch
from distances import distance
from small_pipelines import SAME, latents


def test_a_model_that_was_compiled_before_is_said(library: Path, pipe: Any) -> None:
    """`module.compile()` runs no hook that came later, not even ours that listens for calls."""
    latents(pipe, prompt="a fox")
    pipe.unet.compile(backend="eager")
    try:
        latents(pipe, prompt="a fox")
        with live_lora.attach(pipe, library=library) as live:
            latents(pipe, live, prompt="a fox<lora:fox:1>")
        assert live.report is not None
        (network,) = live.report.networks
        assert "unet" not in network.ran
        assert {one.code for one in network.bypassed} == {"compiled"}
        assert "torch.compiler.reset()" in network.bypassed_line
        assert not live.report.ok
    finally:
        pipe.unet._compiled_call_impl = None
        torch.compiler.reset()


def test_a_pipeline_is_compiled_with_places_for_loras(library: Path, pipe: Any) -> None:
    """Regional, in full graphs; weights that change, tags that come and go make no more of them."""
    prompts = ["a fox<lora:fox:1>", "a fox<lora:fox:0@0;1@1>", "a fox", "a fox<lora:fox:0.2@0;1@1>"]
    eager = {}
    with live_lora.attach(pipe, library=library) as live:
        for prompt in prompts:
            eager[prompt] = latents(pipe, live, prompt=prompt)
    counters = torch._dynamo.utils.counters
    try:
        with live_lora.attach(pipe, library=library) as live:
            live.compile(backend="eager")
            counters.clear()
            seen = []
            for prompt in prompts:
                got = latents(pipe, live, prompt=prompt)
                seen.append(counters["stats"]["unique_graphs"])
                assert distance(got, eager[prompt]) < SAME, prompt
                assert live.report is not None
                assert live.report.ok, live.report.lines()
            assert seen[1:] == [seen[1]] * 3
            assert counters["graph_break"] == {}
        assert not any(module._forward_hooks for module in pipe.unet.modules())
    finally:
        for module in pipe.unet.modules():
            module._compiled_call_impl = None
        torch.compiler.reset()


def test_compiling_after_the_host_has_done_so_mends_it(library: Path, pipe: Any) -> None:
    pipe.unet.compile_repeated_blocks(fullgraph=True, backend="eager")
    base = latents(pipe, prompt="a fox")
    try:
        with live_lora.attach(pipe, library=library) as live:
            live.compile(backend="eager")
            changed = latents(pipe, live, prompt="a fox<lora:fox:1>")
            assert live.report is not None
            assert live.report.ok, live.report.lines()
        assert distance(changed, base) > SAME
    finally:
        for module in pipe.unet.modules():
            module._compiled_call_impl = None
        torch.compiler.reset()
