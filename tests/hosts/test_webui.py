"""The webui's host on a stand-in: the rules of the real one, and what only a stand-in shows."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from live_lora.hosts import webui
from live_lora.hosts.webui import wrapping
from modules import extra_networks, processing, script_callbacks, scripts, shared
from standin_host import StandIn, comments
from webui_rules import Rules as WebuiRules
from webui_rules import difference


class TestRules(WebuiRules):
    """The rules."""


def traced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the webui calls of ours from now on, and by which way, each once."""
    seen: list[tuple[str, str]] = []

    def trace(owner: type, method: str, name: str, way: str) -> None:
        original = getattr(owner, method)

        def call(*args: Any, **kwargs: Any) -> Any:
            if (name, way) not in seen:
                seen.append((name, way))
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, method, call)

    for name in vars(webui.LiveLoraScript):
        if "process" in name:
            trace(webui.LiveLoraScript, name, name, "script")
    for name in wrapping.WRAPPED:
        trace(wrapping.Job, name, name, "wrapper")
    for name in ("activate", "deactivate"):
        trace(webui.extra_network.LiveNetwork, name, name, "network")
    trace(wrapping.Job, "announce", "cfg_denoiser", "callback")
    return seen


def test_the_timeline_is_what_the_webui_calls(
    host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In `hosts/webui/__init__.py`, in its order; and each of our files stands there."""
    assert webui.__doc__ is not None
    written = re.findall(r"^ +(\w+) \((\w+)\)$", webui.__doc__, re.MULTILINE)
    seen = traced(monkeypatch)
    host.generate("a fox <lora:a:1>", hires=True, hr_prompt="a cat <lora:b:1>")
    assert seen == written
    folder = Path(str(webui.__file__)).parent
    files = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    assert set(re.findall(r"(?<!/)\b\w+\.py", webui.__doc__)) == files


def test_weight_0_and_no_tag_change_no_bit(host: StandIn) -> None:
    without = host.generate("a fox").samples
    host.generate("a fox <lora:a:1> [<lora:b:1>::1]")
    assert difference(host.generate("a fox").samples, without) == 0
    assert difference(host.generate("a fox<lora:a:0>").samples, without) == 0


def test_no_hook_outside_a_generation(host: StandIn) -> None:
    host.generate("a fox <lora:a:1>", hires=True)
    assert host.hooks == 0


@pytest.mark.parametrize("where", ["encoding", "sampling", "interrupt"])
def test_no_hook_after_a_generation_that_stops(host: StandIn, where: str) -> None:
    before = host.generate("a fox").samples

    def fail(*_: Any) -> None:
        raise RuntimeError("out of memory")

    def interrupt(_: Any) -> None:
        assert host.hooks
        shared.state.interrupted = True

    if where == "interrupt":
        script_callbacks.on_cfg_denoiser(interrupt)
        host.generate("a fox <lora:a:1>")
        script_callbacks.registered["cfg_denoiser"].remove(interrupt)
        shared.state.interrupted = False
    else:
        model = host.model.model.diffusion_model
        encoder = host.model.cond_stage_model.wrapped.transformer
        target = model.out if where == "sampling" else encoder
        handle = target.register_forward_pre_hook(fail)
        with pytest.raises(RuntimeError, match="out of memory"):
            host.generate("another fox <lora:a:1>")
        handle.remove()
    assert host.hooks == 0
    assert difference(host.generate("a fox").samples, before) == 0


def test_the_alias_lyco(host: StandIn) -> None:
    lora, lyco = host.generate("a fox <lora:a:1>"), host.generate("a fox <lyco:a:1>")
    assert difference(lora.samples, lyco.samples) == 0


def test_the_last_to_register_is_ours(host: StandIn) -> None:
    builtin = extra_networks.ExtraNetwork("lora")
    extra_networks.register_extra_network(builtin)
    extra_networks.register_extra_network_alias(builtin, "lyco")
    webui.extra_network.take_over()
    assert extra_networks.extra_network_registry["lora"] is webui.extra_network.NETWORK
    assert extra_networks.extra_network_aliases["lyco"] is webui.extra_network.NETWORK
    webui.stop()
    webui.stop()
    assert "lora" not in extra_networks.extra_network_registry


def test_the_builtins_merged_weights_are_given_back(
    host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    builtin = SimpleNamespace(loaded_networks=["merged"])
    monkeypatch.setitem(__import__("sys").modules, "networks", builtin)
    host.generate("a fox")
    assert builtin.loaded_networks == []


def test_other_kinds_stay_the_webuis(host: StandIn) -> None:
    seen = []
    other = extra_networks.ExtraNetwork("hypernet")
    other.activate = lambda p, params: seen.append([one.items for one in params])
    extra_networks.register_extra_network(other)
    made = host.generate("a fox <lora:a:1> <hypernet:x:0.5>")
    extra_networks.extra_network_registry.pop("hypernet")
    assert seen == [[["x", "0.5"]]]
    assert made.p.prompts == ["a fox  "]


def test_without_scripts_the_first_prompts_tags_act(host: StandIn) -> None:
    """As in the webui itself: nobody shows us such a p before its prompts are parsed."""
    expected = host.generate("a fox <lora:a:1>", hires=True).samples
    bare = processing.Processing("a fox <lora:a:1>", enable_hr=True)
    assert difference(processing.process_images(bare)[0].numpy(), expected) == 0
    assert "a: added to" in comments(bare)


def test_without_scripts_and_tags_nothing_happens(host: StandIn) -> None:
    bare = processing.Processing("a fox")
    processing.process_images(bare)
    assert "live_lora_job" not in bare.__dict__


def test_p_is_as_it_was_after_a_generation(host: StandIn) -> None:
    p = host.process("a fox <lora:a:1>")
    before = set(p.__dict__)
    processing.process_images(p)
    wrapped = {name for name in p.__dict__ if hasattr(getattr(p, name), "live_lora")}
    assert wrapped == set()
    assert "live_lora_job" not in set(p.__dict__) - before


def test_a_copied_p_has_its_own_job(host: StandIn) -> None:
    """A script may copy a p in the middle of its generation, and our wrappers with it."""
    p = host.process("a fox <lora:a:1>")
    wrapping.install(p)
    twin = copy.copy(p)
    twin.prompt, twin.comments = "a fox <lora:b:1>", {}
    samples = processing.process_images(twin)[0].numpy()
    assert difference(samples, host.generate("a fox <lora:b:1>").samples) == 0
    again = processing.process_images(p)[0].numpy()
    assert difference(again, host.generate("a fox <lora:a:1>").samples) == 0


def test_another_extensions_wrapper_stays(host: StandIn) -> None:
    """Some replace p.sample in `process`; called again, ours is not put around theirs twice."""
    p, calls = host.process("a fox <lora:a:1>"), []

    class Other(scripts.Script):
        def process(self, p: Any, *_: Any) -> None:
            inner = p.sample
            p.sample = lambda **kwargs: (calls.append(1), inner(**kwargs))[1]

    p.scripts.scripts = (*p.scripts.scripts, Other())
    expected = host.generate("a fox <lora:a:1>").samples
    assert difference(processing.process_images(p)[0].numpy(), expected) == 0
    assert calls == [1]
    p.scripts.scripts = p.scripts.scripts[:1]
    assert p.sample.__name__ == "<lambda>"
    assert difference(processing.process_images(p)[0].numpy(), expected) == 0
    assert calls == [1, 1]


def test_disabled_networks_are_taken_out_and_do_nothing(host: StandIn) -> None:
    off = host.generate("a fox<lora:a:1>", disable_extra_networks=True)
    assert difference(off.samples, host.generate("a fox").samples) == 0
