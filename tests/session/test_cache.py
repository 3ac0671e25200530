"""What is kept between generations, what is made anew, and what goes first."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import live_lora
import pytest
import torch
from live_lora.errors import StateError
from safetensors.torch import save_file
from torch import nn

PREFIX = "lora_unet_down_blocks_0_attentions_0_proj_in"
DORA, LORA, REPLACED = "dora", "lora", "set"


class Unet(nn.Module):
    """One layer of a UNet, at the place where SD 1.x has it."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        attention = nn.Module()
        attention.proj_in = nn.Conv2d(6, 8, 1)
        block = nn.Module()
        block.attentions = nn.ModuleList([attention])
        self.down_blocks = nn.ModuleList([block])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_blocks[0].attentions[0].proj_in(x)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    pair = {
        f"{PREFIX}.lora_up.weight": torch.randn(8, 2, 1, 1),
        f"{PREFIX}.lora_down.weight": torch.randn(2, 6, 1, 1),
        f"{PREFIX}.alpha": torch.tensor(2.0),
    }
    save_file(pair, tmp_path / f"{LORA}.safetensors")
    scales = {f"{PREFIX}.dora_scale": torch.rand(1, 6, 1, 1) + 1}
    save_file(pair | scales, tmp_path / f"{DORA}.safetensors")
    whole = {f"{PREFIX}.set_weight": torch.randn(8, 6, 1, 1)}
    save_file(whole, tmp_path / f"{REPLACED}.safetensors")
    return tmp_path


def output(live: Any, unet: Unet, name: str) -> torch.Tensor:
    with torch.no_grad(), live.prompt(f"<lora:{name}:0.7>"):
        return unet(torch.linspace(-1, 1, 24).view(1, 6, 2, 2))


def fresh(unet: Unet, library: Path, name: str) -> torch.Tensor:
    with live_lora.attach({"unet": unet}, library=library) as live:
        return output(live, unet, name)


def in_place(unet: Unet) -> Unet:
    unet.load_state_dict(Unet(2).state_dict())
    return unet


@pytest.mark.parametrize("name", [DORA, REPLACED, LORA])
@pytest.mark.parametrize("switch", [in_place, lambda unet: Unet(2)], ids=["in place", "others"])
def test_deltas_made_from_the_base_weights_are_made_anew_for_another_checkpoint(
    library: Path, name: str, switch: Callable[[Unet], Unet]
) -> None:
    """In the same modules (the webui loads into them) or in others."""
    unet = Unet(1)
    with live_lora.attach({"unet": unet}, library=library) as live:
        before = output(live, unet, name)
        unet = switch(unet)
        live.core.rebind({"unet": unet})
        after = output(live, unet, name)
    assert torch.allclose(after, fresh(unet, library, name), rtol=0, atol=1e-6)
    assert not torch.allclose(after, before, atol=1e-2)


def test_refresh_is_for_weights_changed_in_place(library: Path) -> None:
    unet = Unet(1)
    with live_lora.attach({"unet": unet}, library=library) as live:
        output(live, unet, DORA)
        in_place(unet)
        stale = output(live, unet, DORA)
        live.refresh()
        assert torch.allclose(output(live, unet, DORA), fresh(unet, library, DORA), atol=1e-6)
        assert not torch.allclose(stale, fresh(unet, library, DORA), atol=1e-2)


def test_refresh_keeps_what_does_not_depend_on_the_base(library: Path) -> None:
    unet = Unet(1)
    with live_lora.attach({"unet": unet}, library=library) as live:
        for name in (LORA, DORA):
            output(live, unet, name)
        live.refresh()
        kept = {bound.file.name: len(bound.deltas) for bound in live.core.cache}
    assert kept == {LORA: 1, DORA: 0}


def test_refresh_waits_for_the_run_to_end(library: Path) -> None:
    live = live_lora.attach({"unet": Unet(1)}, library=library)
    with live.prompt("a"), pytest.raises(StateError, match="open"):
        live.refresh()
    live.detach()
    with pytest.raises(StateError, match="detached"):
        live.refresh()


def test_the_least_recently_used_network_goes_first(library: Path) -> None:
    unet = Unet(1)
    for name in ("b", "c"):
        shutil.copy(library / f"{LORA}.safetensors", library / f"{name}.safetensors")
    with live_lora.attach({"unet": unet}, library=library) as live:
        output(live, unet, LORA)
        (bound,) = live.core.cache
        live.core.cache.limit = 2 * bound.size
        for name in ("b", LORA, "c"):  # LORA is used again, so that b is the oldest
            output(live, unet, name)
        assert [bound.file.name for bound in live.core.cache] == [LORA, "c"]


def test_what_a_run_uses_stays_beyond_the_limit(library: Path) -> None:
    unet = Unet(1)
    with live_lora.attach({"unet": unet}, library=library, cache_bytes=0) as live:
        with live.prompt(f"<lora:{LORA}:0.7> <lora:{DORA}:0.5>") as run:
            unet(torch.zeros(1, 6, 2, 2))
        assert [network.ran for network in run.report.networks] == [{"unet": 1}] * 2
        assert [bound.file.name for bound in live.core.cache] == [LORA, DORA]
