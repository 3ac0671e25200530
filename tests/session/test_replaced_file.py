"""A file that is replaced while it is read: the new one acts, or none, and never some of both."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import live_lora
import pytest
import torch
from live_lora.session import cache
from safetensors.torch import save_file
from torch import nn

LAYERS = ("proj_in", "proj_out")
PREFIX = "lora_unet_down_blocks_0_attentions_0_"


class Unet(nn.Module):
    """Two layers of a UNet, at the place where SD 1.x has them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        attention = nn.Module()
        attention.proj_in, attention.proj_out = nn.Conv2d(6, 8, 1), nn.Conv2d(8, 6, 1)
        block = nn.Module()
        block.attentions = nn.ModuleList([attention])
        self.down_blocks = nn.ModuleList([block])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one = self.down_blocks[0].attentions[0]
        return one.proj_out(one.proj_in(x))


def write(path: Path, seed: int, note: str = "") -> None:
    """In the place of what is there, at once."""
    torch.manual_seed(seed)
    state = {}
    for name, (inputs, outputs) in zip(LAYERS, ((6, 8), (8, 6)), strict=True):
        state[f"{PREFIX}{name}.lora_up.weight"] = torch.randn(outputs, 2, 1, 1)
        state[f"{PREFIX}{name}.lora_down.weight"] = torch.randn(2, inputs, 1, 1)
    fresh = path.with_suffix(".part")
    save_file(state, fresh, {"note": note} if note else None)
    os.utime(fresh, (seed, seed))
    fresh.replace(path)


def output(live: Any, unet: Unet) -> tuple[torch.Tensor, list[Any]]:
    with torch.no_grad(), live.prompt("<lora:style:0.7>") as run:
        found = unet(torch.linspace(-1, 1, 24).view(1, 6, 2, 2))
    return found, run.report.problems


@pytest.mark.parametrize("note", ["", "a longer header, so that all tensors lie elsewhere"])
@pytest.mark.parametrize("moment", ["load", "open"])
def test_what_is_there_by_then_acts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, note: str
) -> None:
    path, unet = tmp_path / "style.safetensors", Unet()
    write(path, 1)
    replaced = []

    def once() -> None:
        if not replaced:
            replaced.append(write(path, 2, note))

    between(monkeypatch, moment, once)
    with live_lora.attach({"unet": unet}, library=tmp_path) as live:
        found, problems = output(live, unet)
        named = live.core.catalog.find("style").hash
    assert replaced
    with live_lora.attach({"unet": unet}, library=tmp_path) as live:
        expected, _ = output(live, unet)
        assert live.core.catalog.find("style").hash == named
    assert not problems
    assert torch.equal(found, expected)


def test_all_pictures_of_a_batch_have_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their words are encoded once where they are written alike."""
    path, unet = tmp_path / "style.safetensors", Unet()
    write(path, 1)
    with live_lora.attach({"unet": unet}, library=tmp_path) as live:
        output(live, unet)  # it is in memory
        find, calls = live.core.catalog.find, []

        def finding(*args: Any, **options: Any) -> Any:
            if calls:
                write(path, 2)
            calls.append(args)
            return find(*args, **options)

        monkeypatch.setattr(live.core.catalog, "find", finding)
        with torch.no_grad(), live.prompt(["<lora:style:0.7>"] * 2) as run:
            run.rows([(0, "cond"), (1, "cond")])
            one, other = unet(torch.linspace(-1, 1, 24).view(1, 6, 2, 2).repeat(2, 1, 1, 1))
    assert len(run.files) == 1
    assert torch.equal(one, other)


@pytest.mark.parametrize("moment", ["load", "open"])
def test_one_that_never_rests_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path, unet = tmp_path / "style.safetensors", Unet()
    write(path, 1)
    seeds = iter(range(2, 100))
    between(monkeypatch, moment, lambda: write(path, next(seeds)))
    with live_lora.attach({"unet": unet}, library=tmp_path) as live:
        found, (problem,) = output(live, unet)
    assert problem.code == "changed"
    assert "changed while it was read" in problem.problem.message
    assert torch.equal(found, unet(torch.linspace(-1, 1, 24).view(1, 6, 2, 2)))


def between(monkeypatch: pytest.MonkeyPatch, moment: str, happens: Any) -> None:
    """Before the file's header is read, or after that and before its tensors are."""
    load, build = cache.load, cache.BoundNetwork.build

    def loading(*args: Any, **options: Any) -> Any:
        if moment == "load":
            happens()
        return load(*args, **options)

    def building(*args: Any, **options: Any) -> Any:
        if moment == "open":
            happens()
        return build(*args, **options)

    monkeypatch.setattr(cache, "load", loading)
    monkeypatch.setattr(cache.BoundNetwork, "build", building)
