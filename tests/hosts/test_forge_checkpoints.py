"""Checkpoints of Forge that come, go, and change in mid-sampling."""

from __future__ import annotations

import gc
import sys
import weakref
from types import SimpleNamespace
from typing import Any

import forge_model
import pytest
import torch
import torch._dynamo
from forge_model import ForgeCheckpoint
from live_lora.hosts import webui
from modules import extra_networks, script_callbacks, sd_models, shared
from safetensors.torch import load_file, save_file
from standin_host import StandIn, comments
from webui_rules import CLOSE, difference


@pytest.fixture
def checkpoint() -> type[ForgeCheckpoint]:
    return ForgeCheckpoint


def test_nothing_holds_a_checkpoint_that_the_program_lets_go(host: StandIn) -> None:
    """Its successor is another object, and both do not fit into memory."""
    host.generate("a fox <lora:a:1>", hires=True)
    old = weakref.ref(host.model.forge_objects.unet.model.diffusion_model)
    host.model = sd_models.model_data.sd_model = None
    gc.collect()
    assert old() is None


def test_the_same_checkpoint_keeps_what_was_made_for_it(host: StandIn) -> None:
    first = host.generate("a fox <lora:a:1>").samples
    (network,) = webui.LIVE.core().cache
    made = dict(network.deltas)
    assert difference(host.generate("a fox <lora:a:1>").samples, first) == 0
    assert all(network.deltas[key] is delta for key, delta in made.items())


def test_another_checkpoint_is_another_object(host: StandIn) -> None:
    prompt = "a fox <lora:a:1>"
    before = host.generate(prompt).samples
    host.model = sd_models.model_data.sd_model = ForgeCheckpoint(7)
    other = host.generate(prompt).samples
    assert difference(other, before) > 1e-3
    assert difference(host.generate(prompt).samples, other) == 0
    assert host.hooks == 0


def test_a_refiner_may_put_other_weights_into_the_modules(
    host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forge Neo's quick one: the same objects, the same name, and no conds made anew.

    A weight-decomposed LoRA shows it: its norms are those of the weights.
    """
    tensors = load_file(host.library / "unet-a.safetensors")
    ups = [key for key in tensors if key.endswith("lora_up.weight")]
    for key in ups:
        size = len(tensors[key])
        tensors[key.replace("lora_up.weight", "dora_scale")] = torch.ones(size, 1)
    save_file(tensors, host.library / "dora.safetensors")
    samplers = SimpleNamespace(ORIGINAL_CHECKPOINT=None)
    monkeypatch.setitem(sys.modules, "modules.sd_samplers_common", samplers)
    unet = host.model.forge_objects.unet.model.diffusion_model
    info = host.model.sd_checkpoint_info
    first = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    name = info.filename

    def refined(*, said: bool) -> Any:
        """The pictures with half the weights from the second step on; `said` by a name, too."""

        def switch(params: Any) -> None:
            if params.denoiser.step == 1:
                unet.load_state_dict({key: tensor / 2 for key, tensor in first.items()})
                info.filename = "refiner.safetensors" if said else name
                samplers.ORIGINAL_CHECKPOINT = None if said else name
                extra_networks.activate(params.denoiser.p, params.denoiser.p.extra_network_data)

        script_callbacks.registered["cfg_denoiser"].insert(0, switch)
        samples = host.generate("a fox <lora:dora:1>").samples
        script_callbacks.registered["cfg_denoiser"].remove(switch)
        unet.load_state_dict(first)
        info.filename, samplers.ORIGINAL_CHECKPOINT = name, None
        return samples

    before = host.generate("a fox <lora:dora:1>").samples
    assert difference(refined(said=False), refined(said=True)) == 0
    assert difference(host.generate("a fox <lora:dora:1>").samples, before) == 0


def test_a_refiner_draws_with_the_loras_that_the_program_names_for_it(
    host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forge Neo's "Lora Replacements": in the tags of every picture, in its turn alone."""
    monkeypatch.setitem(shared.opts.data, "refiner_lora_replacement", "unet-a = unet-b\n\nc=nope")

    def switch(params: Any) -> None:
        if params.denoiser.step == 3:
            p = params.denoiser.p
            p.extra_generation_params["Refiner"] = "small-b"
            other = ForgeCheckpoint()
            other.sd_checkpoint_info = host.model.sd_checkpoint_info
            sd_models.model_data.sd_model = other
            extra_networks.activate(p, p.extra_network_data)

    def refined(prompt: Any) -> Any:
        sd_models.model_data.sd_model = host.model
        script_callbacks.registered["cfg_denoiser"].insert(0, switch)
        made = host.generate(prompt, steps=5)
        script_callbacks.registered["cfg_denoiser"].remove(switch)
        sd_models.model_data.sd_model = host.model
        return made

    told = "<lora:unet-a:unet=0.8@2;0@3><lora:unet-b:unet=0@2;0.8@3>"
    named = refined(["a fox", "a fox <lora:unet-a:0.8>"])
    shared.opts.data["refiner_lora_replacement"] = ""
    by_hand = refined(["a fox", f"a fox {told}"])
    assert difference(named.samples, by_hand.samples) < CLOSE
    assert difference(refined(["a fox", "a fox <lora:unet-a:0.8>"]).samples, named.samples) > 1e-3
    assert "<lora:unet-a:0.8>" in named.infotexts[1]
    shared.opts.data["refiner_lora_replacement"] = "unet-a=nope"
    assert "no LoRA is named 'nope'" in comments(refined("a fox <lora:unet-a:0.8>").p)


def test_a_model_that_the_program_has_compiled_is_told(
    host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forge Neo's own way: a compiled module in the UNet's place, for each call."""
    model = host.model.forge_objects.unet.model
    model._torch_compile_config = ("dynamic",)
    monkeypatch.setattr(
        forge_model, "unet_of", lambda _: torch.compile(model.diffusion_model, backend="eager")
    )
    # Not monkeypatch: what that takes back, torch's configuration takes for deleted.
    with torch._dynamo.config.patch(suppress_errors=True):
        plain = host.generate("a fox").samples
        made = host.generate("a fox <lora:unet-a:1>")
    assert difference(made.samples, plain) == 0
    assert "layers were never called (this program has compiled the model" in comments(made.p)
