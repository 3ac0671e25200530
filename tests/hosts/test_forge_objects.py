"""The rules of the webui's host on a stand-in for Forge's objects, and what only those have."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import forge_model
import pytest
import torch
import torch._dynamo
from forge_model import ForgeCheckpoint
from live_lora.hosts import webui
from live_lora.hosts.webui.backends import backend_of
from live_lora.hosts.webui.call_rows import CallRows
from live_lora.records import Row
from modules import extra_networks, script_callbacks, sd_models, shared
from safetensors.torch import load_file, save_file
from standin_host import StandIn
from webui_rules import CLOSE, difference
from webui_rules import Rules as WebuiRules


@pytest.fixture
def host(fresh_webui: Path) -> StandIn:
    host = StandIn(fresh_webui, ForgeCheckpoint)
    host.even_parts = True
    return host


class TestRules(WebuiRules):
    """The rules."""


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


def comments(p: Any) -> str:
    return "\n".join(p.comments)


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


STEP = SimpleNamespace(
    denoiser=SimpleNamespace(
        sampler=SimpleNamespace(
            sampler_extra_args={"cond": SimpleNamespace(batch=[["a", "b"], ["a", "b"]])}
        )
    )
)


def told(*calls: tuple[int, list[int]]) -> list[str]:
    """Lines of the calls of one step, (rows, chunks), two pictures and two parts."""
    rows = CallRows()
    rows.announce(STEP)
    options: dict[int, Any] = {}
    lines = []
    for size, chunks in calls:
        given = options.setdefault(id(chunks), {"cond_or_uncond": chunks, "sigmas": [1.0, 1.0]})
        lines.append("".join(map(short, rows.take(size, None, given))))
    return lines


def short(row: Row) -> str:
    return f"u{row.picture}" if row.side == "uncond" else f"{'ab'[row.part]}{row.picture}"


SAME = [1, 0]


@pytest.mark.parametrize(
    ("calls", "lines"),
    [
        ([(6, [1, 0, 0])], ["u0u1b0b1a0a1"]),
        ([(2, [1]), (4, [0, 0])], ["u0u1", "b0b1a0a1"]),
        ([(4, [1, 0]), (2, [0])], ["u0u1b0b1", "a0a1"]),
        ([(4, [0, 0])], ["b0b1a0a1"]),
        # Tiles: a call holds its chunks several times, or the next call the same ones again.
        ([(12, [1, 0, 0])], ["u0u1b0b1a0a1" * 2]),
        ([(8, SAME), (4, SAME), (2, [0])], ["u0u1b0b1" * 2, "u0u1b0b1", "a0a1"]),
        # Guidance that runs the cond side once more
        ([(6, [1, 0, 0]), (4, [0, 0])], ["u0u1b0b1a0a1", "b0b1a0a1"]),
    ],
)
def test_a_calls_list_tells_its_lines(calls: list[tuple[int, list[int]]], lines: list[str]) -> None:
    assert told(*calls) == lines


def test_a_call_that_says_nothing_is_not_the_denoisers() -> None:
    assert CallRows().take(2, None, None) == ()
    assert CallRows().take(2, None, {"sigmas": [1.0]}) == ()


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
