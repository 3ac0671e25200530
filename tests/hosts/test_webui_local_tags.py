"""Tags that another extension activates in mid-sampling: Tiled Diffusion, for its regions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from modules import extra_networks, processing
from standin_host import StandIn
from webui_rules import CLOSE, difference

BASE = "a fox <lora:unet-a:1>"
B = ("unet-b", "0.7")


def with_region(
    monkeypatch: pytest.MonkeyPatch, *tags: tuple[str, ...], whole: bool = True
) -> None:
    """Each step's batch once for the picture and once for a region, which may be all of it."""
    plain = processing.Denoiser.inner_model
    data = {"lora": [extra_networks.ExtraNetworkParams(list(one)) for one in tags]}

    def regional(self: Any, x: Any, level: Any, context: Any) -> Any:
        background = plain(self, x, level, context)
        extra_networks.activate(self.p, data)
        # Its text is none that the denoiser was given.
        region = plain(self, x, level, torch.zeros_like(context) if not whole else context)
        extra_networks.deactivate(self.p, data)
        return region if whole else plain(self, x, level, context) * 0.5 + background * 0.5

    monkeypatch.setattr(processing.Denoiser, "inner_model", regional)


def test_they_act_in_its_calls_beside_the_pictures_own(
    host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = host.generate(f"{BASE} <lora:unet-b:0.7>").samples
    with_region(monkeypatch, B)
    made = host.generate(BASE)
    assert difference(made.samples, expected) < CLOSE
    assert "unet-b: " in made.infotexts[0].partition("Lora hashes")[2]
    assert "Live LoRA:" not in made.infotexts[0]
    ran = [line for line in made.p.comments if "ran: unet-b" in line]
    assert len(ran) == 1
    assert host.hooks == 0


def test_and_nowhere_else(host: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after the region the picture's own tags act."""
    expected = host.generate(BASE).samples
    with_region(monkeypatch, B, whole=False)
    assert difference(host.generate(BASE).samples, expected) < CLOSE
    assert host.hooks == 0


def test_a_picture_without_tags(host: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = host.generate("a fox <lora:unet-b:0.7>").samples
    with_region(monkeypatch, B)
    assert difference(host.generate("a fox").samples, expected) < CLOSE


def test_every_picture_keeps_its_own(host: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [BASE, "a bird <lora:unet-a:0.3>"]
    expected = host.generate([f"{one} <lora:unet-b:0.7>" for one in prompts]).samples
    with_region(monkeypatch, B)
    assert difference(host.generate(prompts).samples, expected) < CLOSE


def test_one_that_is_not_there_is_told(host: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = host.generate(BASE).samples
    with_region(monkeypatch, ("nowhere", "1"))
    made = host.generate(BASE)
    assert difference(made.samples, expected) < CLOSE
    assert "no LoRA is named 'nowhere'" in made.infotexts[0].partition("Live LoRA:")[2]
    assert sum("nowhere" in line for line in made.p.comments) == 1


def test_strict_mode_says_it(host: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """In mid-sampling the webui would only print an error: the picture is kept."""
    with_region(monkeypatch, ("nowhere", "1"))
    made = host.generate(BASE, settings={"live_lora_strict": True})
    assert "no LoRA is named 'nowhere'" in made.infotexts[0].partition("Live LoRA:")[2]


def test_an_interruption_inside_of_a_region_leaves_nothing(
    host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = host.generate(BASE).samples
    plain = processing.Denoiser.inner_model
    data = {"lora": [extra_networks.ExtraNetworkParams(list(B))]}

    def stopped(self: Any, *_: Any, **__: Any) -> Any:
        extra_networks.activate(self.p, data)
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(processing.Denoiser, "inner_model", stopped)
        with pytest.raises(RuntimeError, match="out of memory"):
            host.generate(BASE)
    assert host.hooks == 0
    assert plain is processing.Denoiser.inner_model
    assert difference(host.generate(BASE).samples, before) == 0
