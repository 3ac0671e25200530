"""The rules of the webui's host on a stand-in for Forge's objects, and what only those have."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch._dynamo
from forge_model import ForgeCheckpoint
from live_lora.hosts import webui
from live_lora.hosts.webui.backends import backend_of
from modules import extra_networks, sd_models
from safetensors.torch import load_file, save_file
from standin_host import StandIn, comments
from webui_rules import CLOSE, difference
from webui_rules import Rules as WebuiRules


@pytest.fixture
def checkpoint() -> type[ForgeCheckpoint]:
    return ForgeCheckpoint


class TestRules(WebuiRules):
    """The rules."""


def test_it_is_another_back_end_than_the_webuis(host: StandIn) -> None:
    assert type(backend_of(host.model)).__name__ == "ForgeObjects"
    assert not isinstance(host.model, torch.nn.Module)
    assert backend_of(SimpleNamespace(forge_objects=None)) is None


def test_without_guidance_there_is_no_uncond(host: StandIn) -> None:
    """At scale 1 it is not even encoded; what acts on cond alone then acts on all."""
    only = host.generate("a fox <lora:unet-a:1:only=cond>", cfg_scale=1.0).samples
    both = host.generate("a fox <lora:unet-a:1>", cfg_scale=1.0).samples
    never = host.generate("a fox <lora:unet-a:1:only=uncond>", cfg_scale=1.0).samples
    assert difference(only, both) == 0
    assert difference(never, host.generate("a fox", cfg_scale=1.0).samples) == 0
    assert difference(only, never) > 1e-3


@pytest.mark.parametrize("together", [True, False])
def test_each_part_of_and_has_its_own_tags(host: StandIn, together: bool) -> None:
    """The calls hold the parts from the last to the first, all at once or one by one."""
    settings = {"batch_cond_uncond": together}
    first = host.generate("a fox <lora:unet-a:1:only=part> AND a fox", settings=settings).samples
    last = host.generate("a fox AND a fox <lora:unet-a:1:only=part>", settings=settings).samples
    assert difference(first, last) < CLOSE
    first = host.generate("fox <lora:unet-a:1:only=part> AND cat", settings=settings).samples
    last = host.generate("fox AND cat <lora:unet-a:1:only=part>", settings=settings).samples
    assert difference(first, last) > 1e-3


def test_and_parts_that_the_program_leaves_out_are_told(host: StandIn) -> None:
    made = host.generate(["a fox <lora:a:1> AND a cat", "a bird"])
    assert "2 and 1 AND parts" in made.infotexts[0] + comments(made.p)


def test_before_the_first_request_there_is_a_stub(host: StandIn) -> None:
    loaded, sd_models.model_data.sd_model = sd_models.model_data.sd_model, SimpleNamespace()
    assert webui.LIVE.core() is None
    assert webui.LIVE.base() is None
    sd_models.model_data.sd_model = loaded
    assert webui.LIVE.core() is not None


def test_room_is_asked_for_on_a_patcher_of_the_pass(host: StandIn) -> None:
    """The deltas' bytes; the checkpoint's own patcher would keep the wish for ever."""
    own = host.model.forge_objects.unet
    p = host.generate("a fox <lora:a:1>").p
    assert host.model.forge_objects.unet is not own
    assert own.room == 0
    (network,) = webui.LIVE.core().cache
    assert host.model.forge_objects.unet.room == network.size > 0
    assert p.sampler is not None


def test_words_of_a_lora_file_are_known_to_the_text_engine(host: StandIn) -> None:
    tensors = load_file(host.library / "a.safetensors")
    tensors["bundle_emb.zzz.string_to_param.*"] = torch.ones(2, 16)
    save_file(tensors, host.library / "bundle.safetensors")
    database = host.model.text_processing_engine.embeddings
    seen: list[list[str]] = []
    encode = host.model.get_learned_conditioning
    host.model.get_learned_conditioning = lambda texts: (
        seen.append(list(database.word_embeddings)) or encode(texts)
    )
    host.generate("zzz fox <lora:bundle:1>")
    assert ["zzz"] in seen
    assert not database.word_embeddings


class Builtin(extra_networks.ExtraNetwork):
    """The program's own Lora: notes what it is given."""

    def __init__(self) -> None:
        super().__init__("lora")
        self.given: list[list[str]] = []

    def activate(self, p: Any, params_list: list[Any]) -> None:
        self.given.append([":".join(one.items) for one in params_list])


@pytest.fixture
def builtin(host: StandIn) -> Iterator[Builtin]:
    made = Builtin()
    extra_networks.register_extra_network(made)
    webui.extra_network.take_over()
    yield made
    webui.extra_network.NETWORK.builtin = None


class Flux(ForgeCheckpoint):
    """A model whose LoRAs are the program's own business."""

    def __init__(self) -> None:
        super().__init__()
        del self.forge_objects.unet.model.diffusion_model.input_blocks


PLAIN = {
    "a fox <lora:a:0.8>": ["a:0.8"],
    "a fox <lora:a:0.8:0.5><lora:b:te=0.5:unet=1>": ["a:0.8:0.5", "b:te=0.5:unet=1"],
    "a fox <lyco:a:1>": ["a:1"],
}
REFUSED = {
    "<lora:b:0@0;1@0.5>": "takes one or two numbers",
    "<lora:b:1:only=cond>": "takes weights alone",
    '<lora:"b":1>': "takes no quoted names",
    "<lora:nope:1>": "no LoRA is named 'nope'",
}


class TestForeignModels:
    """Decided by the loaded model, at every activation."""

    @pytest.fixture
    def flux(self, host: StandIn, builtin: Builtin) -> Builtin:
        class Model(Flux):
            pass

        made = Model()
        made.forge_objects.unet.model.diffusion_model.forward = lambda x, t, **_: x
        sd_models.model_data.sd_model = made
        return builtin

    @pytest.mark.parametrize("prompt", PLAIN)
    def test_the_programs_own_gets_the_tags(
        self, host: StandIn, flux: Builtin, prompt: str
    ) -> None:
        p = host.generate(prompt).p
        assert flux.given == [PLAIN[prompt]]
        assert "applied by this program itself" in comments(p)

    @pytest.mark.parametrize("tag", REFUSED)
    def test_what_it_cannot_read_is_taken_out_and_told(
        self, host: StandIn, flux: Builtin, tag: str
    ) -> None:
        p = host.generate(f"a fox <lora:a:0.5>{tag}").p
        assert flux.given == [["a:0.5"]]
        assert REFUSED[tag] in comments(p)

    def test_with_hires_fix(self, host: StandIn, flux: Builtin) -> None:
        host.generate("a fox <lora:a:1>", hires=True, hr_prompt="a fox <lora:b:1><lora:b:0@0;1@1>")
        assert flux.given[-1] == ["b:1"]

    def test_ours_gives_nothing_to_it(self, host: StandIn, builtin: Builtin) -> None:
        host.generate("a fox <lora:a:1>")
        assert builtin.given == []
