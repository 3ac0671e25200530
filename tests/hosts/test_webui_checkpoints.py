"""Another checkpoint in the webui, a refiner, and conds that it keeps or makes ahead of time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from live_lora.hosts import webui
from modules import extra_networks, processing, script_callbacks, sd_models
from standin_host import StandIn, comments
from webui_rules import difference


@pytest.mark.parametrize(("width", "name"), [(768, "SD1"), (2048, "SDXL"), (99, None)])
def test_the_tab_knows_the_checkpoint_by_its_layers(
    host: StandIn, width: int, name: str | None
) -> None:
    """Whatever the webui calls it, and without a core."""
    for module in host.model.model.diffusion_model.modules():
        if hasattr(module, "attn2"):
            module.attn2.to_k = torch.nn.Linear(width, 16, bias=False)
    assert webui.LIVE.base() == name
    sd_models.model_data.sd_model = None
    assert webui.LIVE.base() is None


@pytest.mark.parametrize("announced", [True, False])
def test_another_checkpoint(host: StandIn, announced: bool) -> None:
    """Other weights in the same modules; or other modules, of which nobody tells."""
    host.generate("a fox <lora:a:1>")
    if announced:
        host.model.load(7)
        script_callbacks.call("model_loaded", host.model)
        processing.Processing.cached_c[0] = processing.Processing.cached_uc[0] = None
    else:
        sd_models.model_data.sd_model = type(host.model)(7)
    switched = host.generate("a bird <lora:a:1>").samples
    fresh = StandIn(host.library)
    sd_models.model_data.sd_model = type(host.model)(7)
    assert difference(switched, fresh.generate("a bird <lora:a:1>").samples) == 0


def test_the_refiner_switches_in_mid_sampling(host: StandIn) -> None:
    """Other modules, and a setup_conds without activation: hooks go over to them.

    What the webui does activate, while it makes a model, are no networks for an empty prompt.
    """
    other, seen = type(host.model)(3), []

    def refine(params: Any) -> None:
        if params.denoiser.step == 1 and sd_models.model_data.sd_model is not other:
            extra_networks.activate(processing.Processing(""), {})
            sd_models.model_data.sd_model = other
            params.denoiser.p.setup_conds()
        every = other.model.diffusion_model.modules()
        seen.append(sum(len(m._forward_hooks) for m in every))

    script_callbacks.registered["cfg_denoiser"].insert(0, refine)
    made = host.generate("a fox <lora:a:1>")
    assert seen[0] == 0
    assert min(seen[1:]) > 0
    assert host.hooks == 0
    assert sum(len(m._forward_hooks) for m in other.modules()) == 0
    assert "a: added to" in comments(made.p)


def test_conds_ahead_of_the_hires_pass(host: StandIn) -> None:
    """The webui's option to encode for hires fix at once."""
    plain = host.generate("a fox <lora:a:1>", hires=True, hr_prompt="a cat <lora:b:1>").samples
    processing.Processing.cached_c[0] = processing.Processing.cached_hr_c[0] = None
    early = host.generate(
        "a fox <lora:a:1>",
        hires=True,
        hr_prompt="a cat <lora:b:1>",
        settings={"hires_fix_use_firstpass_conds": True},
    ).samples
    assert difference(plain, early) == 0


def test_cached_conds_are_not_encoded_again(host: StandIn) -> None:
    host.generate("a fox <lora:a:1>")
    host.model.encoded.clear()
    made = host.generate("a fox <lora:a:1>", seed=9)
    assert host.model.encoded == []
    assert webui.notices.CACHED in comments(made.p)
