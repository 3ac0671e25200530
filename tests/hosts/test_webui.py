"""The webui's host on a stand-in: the rules of the real one, and what only a stand-in shows."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from live_lora import Tag, parse
from live_lora.hosts import webui
from live_lora.hosts.webui import job_options, paste, wrapping, xyz
from live_lora.records import Progress, Row, Target
from live_lora.session.session import Core, StrictError
from modules import (
    extra_networks,
    processing,
    script_callbacks,
    scripts,
    sd_hijack,
    sd_models,
    shared,
)
from safetensors.torch import load_file, save_file
from standin_host import StandIn, changed
from webui_rules import Rules as WebuiRules
from webui_rules import difference


@pytest.fixture
def host(fresh_webui: Path) -> StandIn:
    return StandIn(fresh_webui)


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


def comments(p: Any) -> str:
    return "\n".join(p.comments)


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


def test_the_report_for_the_api(host: StandIn) -> None:
    host.generate("a fox <lora:a:1> <lora:nope:1>", hires=True, hr_prompt="a fox <lora:b:1>")
    found = webui.tab_routes.report()
    assert [one["name"] for one in found["networks"]] == ["a", "b"]
    assert found["networks"][0]["ran"].keys() == {"unet", "text_encoder"}
    assert "nope" in found["problems"][0]["message"]
    passes = found["execution"].split("; ")
    assert all(re.fullmatch(r"automatic: .*\d+ layers .*", one) for one in passes), passes


def test_a_file_is_counted_for_each_picture_that_it_really_acted_in(
    host: StandIn,
) -> None:
    catalog = webui.LIVE.catalog()

    def used() -> dict[str, int]:
        found = {one.name: one.facts.use(one) for one in catalog.entries}
        return {name: use.pictures for name, use in found.items() if use}

    host.generate(["a <lora:a:1>", "b <lora:a:1> <lora:b:0>"], hires=True, hr_prompt="c <lora:c:1>")
    assert used() == {"a": 2, "c": 2}
    host.generate("a fox")
    handle = host.model.model.diffusion_model.out.register_forward_pre_hook(_fails)
    with pytest.raises(RuntimeError, match="out of memory"):
        host.generate("a <lora:d:1>")
    handle.remove()
    assert used() == {"a": 2, "c": 2}


def _fails(*_: Any) -> None:
    raise RuntimeError("out of memory")


def test_the_report_is_the_last_generations_with_or_without_loras(host: StandIn) -> None:
    host.generate("a fox <lora:a:1> <lora:nope:1>")
    host.generate("a fox <lora:a:1> <lora:nope:1>")
    assert webui.notices.CACHED in webui.tab_routes.report()["notes"]
    host.generate("a fox")
    empty = {"ok": True, "networks": [], "problems": [], "notes": [], "execution": ""}
    assert webui.tab_routes.report() == empty


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


def test_problems_reach_the_comments_the_infotext_and_the_console(
    host: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    made = host.generate("a fox <lora:aa:1> <lora:b:oops> <lora:a:1>")
    printed = capsys.readouterr().out
    for text in (comments(made.p), made.infotexts[0], printed):
        assert "did you mean" in text
        assert "'oops'" in text
    assert difference(made.samples, host.generate("a fox   <lora:a:1>").samples) == 0


def test_no_line_of_ours_where_all_is_well(host: StandIn) -> None:
    assert "Live LoRA" not in host.generate("a fox <lora:a:1>").infotexts[0]


def test_strict_mode(host: StandIn) -> None:
    with pytest.raises(StrictError, match="nope"):
        host.generate("a fox <lora:nope:1>", settings={"live_lora_strict": True})


def test_strict_mode_keeps_pictures_that_lack_something(host: StandIn) -> None:
    """That another program has put a layer of its own in the place of ours shows in the run."""
    plain = host.generate("a fox")
    host.generate("a fox <lora:a:1>")  # ours has found the layers
    attention = host.model.model.diffusion_model.middle_block[1].transformer_blocks[0].attn1
    attention.to_q = copy.deepcopy(attention.to_q)
    made = host.generate("a fox <lora:a:1>", settings={"live_lora_strict": True})
    assert difference(made.samples, plain.samples) > 0
    for text in (made.infotexts[0], comments(made.p)):
        assert "a: 1 layers were never called (its host does not call it" in text


def test_missing_files_are_warned_of_as_the_builtin_does(
    host: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    scripts.warnings.clear()
    settings = {"lora_not_found_warning_console": True, "lora_not_found_gradio_warning": True}
    host.generate("a fox <lora:nope:1> <lora:a:x>", settings=settings)
    assert capsys.readouterr().out.count("Lora not found:") == 1
    assert len(scripts.warnings) == 1


def test_add_network_to_prompt(host: StandIn) -> None:
    with changed(sd_lora="b", extra_networks_default_multiplier=0.7):
        made = host.generate("a fox ", n_iter=2)
        assert made.infotexts[1].startswith("a fox <lora:b:0.7>\n")
        assert job_options.with_default("a <lora:b:1>") == "a <lora:b:1>"
    assert difference(made.samples[0], host.generate("a fox <lora:b:0.7>").samples[0]) == 0


def test_files_of_the_next_batch_are_read_while_this_one_is_drawn(
    host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(Core, "prefetch", lambda core, tags: asked.append([t.name for t in tags]))
    prompts = ["a fox <lora:a:1>", "a fox <lora:b:1> <lora:c:1:on=0>", "a fox"]
    host.generate(prompts, batch_size=1)
    assert asked[0] == ["b"]
    assert not any(asked[1:])


def test_the_users_own_block_presets(
    host: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a file that is named, else from lora-block-weight's where that is installed."""
    text = "MINE:0,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1\n"
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "lbwpresets.txt").write_text(text)
    installed = SimpleNamespace(path=str(tmp_path))
    monkeypatch.setattr("modules.extensions.active", lambda: [installed])
    (tmp_path / "own.txt").write_text(text.replace("MINE", "OWN"))
    monkeypatch.setattr(webui.tab_routes, "mount", lambda app: None)
    live = webui.LIVE
    with changed(live_lora_presets=str(tmp_path / "own.txt")):
        webui.app_started(None, None)
        assert live.parse("<lora:a:lbw=OWN>").tags
        without, half = host.generate("a"), host.generate("a <lora:a:1:lbw=OWN>")
        assert difference(half.samples[0], without.samples[0]) > 0
        assert not live.parse("<lora:a:lbw=MINE>").tags
    live.language = webui.options.read_language()
    assert live.parse("<lora:a:lbw=MINE>").tags
    assert not parse("<lora:a:lbw=MINE>").tags
    live.stop_indexing()
    monkeypatch.undo()
    live.language = webui.options.read_language()
    assert not live.parse("<lora:a:lbw=MINE>").tags


def test_old_prompt_editing_timelines(host: StandIn) -> None:
    """There `1.0` is a number of steps."""
    target, moment = Target("unet", "conv_in", "", "conv", (1, 1, 1, 1)), Progress(5, 10)
    for old, weight in ((False, 1), (True, 0)):
        with changed(use_old_scheduling=old):
            (tag,) = webui.LIVE.parse("[<lora:a:1>::1.0]").tags
            assert tag.weight(target, Row(), moment) == weight


def test_the_api_argument_prompts(host: StandIn) -> None:
    p = host.process(["a", "b", "c"], batch_size=2)
    processing.process_images(p)
    assert p.n_iter == 2
    assert p.all_prompts == ["a", "b", "c", "a"]


def test_prompts_that_another_extension_made_one_of_are_each_pictures_own(host: StandIn) -> None:
    """Dynamic prompts makes all prompts out of the first."""

    class Dynamic(scripts.Script):
        def process(self, p: Any, *_: Any) -> None:
            p.all_prompts = [p.all_prompts[0]] * len(p.all_prompts)

    p = host.process(["a", "b", "c"], batch_size=3)
    p.scripts.scripts = (*p.scripts.scripts, Dynamic())
    processing.process_images(p)
    assert p.all_prompts == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("given", "prompts"),
    [(None, []), ("", []), (["a"], ["a"]), ('["a", "b"]', ["a", "b"])],
)
def test_prompts_of(given: Any, prompts: list[str]) -> None:
    assert job_options.prompts_of(given) == prompts


@pytest.mark.parametrize("given", ["a fox", {"a": 1}, [1], '{"a": 1}'])
def test_a_bad_argument_stops_the_job(host: StandIn, given: Any) -> None:
    p = host.process("a")
    p.scripts.args = (given,)
    with pytest.raises(job_options.BadRequest, match="expected a"):
        processing.process_images(p)


def test_extra_calls_of_the_unet_are_told(host: StandIn) -> None:
    """Two pictures' tags differ, and a call has rows that nobody announced."""

    def tile(params: Any) -> None:
        unet = host.model.model.diffusion_model
        unet(params.x[:1].repeat(5, 1, 1, 1), params.sigma[:1].repeat(5), text(5))

    def text(rows: int) -> Any:
        return host.model.get_learned_conditioning(["x"] * rows)

    script_callbacks.on_cfg_denoiser(tile)
    made = host.generate(["a <lora:a:1>", "a <lora:b:1>"])
    assert "called the model in a way of its own" in comments(made.p)


class TestPaste:
    """`hashes` are of the files that made the picture."""

    @pytest.fixture
    def hashes(self, host: StandIn) -> dict[str, str]:
        entries = webui.LIVE.catalog().entries
        return {entry.stem: entry.shorthash for entry in entries}

    def test_a_hash_of_the_whole_file_is_understood(
        self, host: StandIn, hashes: dict[str, str]
    ) -> None:
        """Forge's and Forge Neo's own."""
        assert hashes
        whole = hashlib.sha256((host.library / "b.safetensors").read_bytes()).hexdigest()[:12]
        assert self.pasted("<lora:gone:1>", f"gone: {whole}") == "<lora:b:1>"
        assert self.pasted("<lora:b:1>", f"b: {whole}") == "<lora:b:1>"

    def pasted(self, prompt: str, hashes: str, builtin: str | None = None) -> str:
        infotext = f'{prompt}\nSteps: 3, Seed: 1, Lora hashes: "{hashes}"'
        params = {"Prompt": builtin or prompt, "Lora hashes": hashes}
        paste.pasted(infotext, params)
        return params["Prompt"]

    def test_a_renamed_file(self, hashes: dict[str, str]) -> None:
        found = self.pasted("x <lora:old name:0.5:stop=0.5> y", f"old name: {hashes['b']}")
        assert found == "x <lora:b:0.5:stop=0.5> y"

    def test_another_file_of_that_name(self, hashes: dict[str, str]) -> None:
        assert self.pasted("<lora:a:1>", f"a: {hashes['b']}") == "<lora:b:1>"

    def test_the_same_file_stays_as_written(self, hashes: dict[str, str]) -> None:
        assert self.pasted("<lora:A:1.0>", f"A: {hashes['a']}") == "<lora:A:1.0>"

    def test_the_last_word_over_the_builtin(self, hashes: dict[str, str]) -> None:
        """It took another file for this one by a claimed hash."""
        found = self.pasted("<lora:a:1>", f"a: {hashes['a']}", builtin="<lora:c:1> and more")
        assert found == "<lora:a:1> and more"

    def test_a_missing_file_is_warned_of(
        self, hashes: dict[str, str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.pasted("<lora:a:1>", "a: 0123456789ab") == "<lora:a:1>"
        assert "another file" in capsys.readouterr().out

    def test_additional_networks(self, host: StandIn) -> None:
        fields = {
            "AddNet Module 1": "LoRA",
            "AddNet Model 1": "a(01234567)",
            "AddNet Weight A 1": "0.7",
            "AddNet Weight B 1": "0.4",
        }
        params = {"Prompt": "x\n<lora:a:0.7>", **fields}
        paste.pasted("x\nSteps: 3", params)
        assert params["Prompt"] == "x\n<lora:a:0.4:0.7>"

    def test_tags_of_other_programs_replace_the_first_of_their_name(self) -> None:
        prompt = "<lora:a:1> x <lora:a:0.5>"
        added = ["<lora:a:1:0.5>", "<lora:n:1>"]
        assert paste.with_tags(prompt, added) == "<lora:a:1:0.5> x <lora:a:0.5><lora:n:1>"
        assert paste.with_tags("x", added[1:]) == "x\n<lora:n:1>"


class TestAxes:
    """What the plot script's axes make of a prompt."""

    @pytest.mark.parametrize(
        ("label", "value", "after"),
        [
            ("weight", "0.5", "x <lora:a:0.5> <lora:b:0.5:stop=1>"),
            ("weight", "a: 0.5", "x <lora:a:0.5> <lora:b:1:0.2:stop=1>"),
            ("te", "b:0", "x <lora:a:0.8> <lora:b:0:0.2:stop=1>"),
            ("te", "a:0", "x <lora:a:0:unet=0.8> <lora:b:1:0.2:stop=1>"),
            ("unet", "a:0", "x <lora:a:0.8:unet=0> <lora:b:1:0.2:stop=1>"),
            ("stop", "0.5", "x <lora:a:0.8:stop=0.5> <lora:b:1:0.2:stop=0.5>"),
            ("block preset", "a:INS", "x <lora:a:0.8:lbw=INS> <lora:b:1:0.2:stop=1>"),
            ("mask", "a:0,0,0.5,1", "x <lora:a:0.8:mask=0,0,0.5,1> <lora:b:1:0.2:stop=1>"),
            ("LoRA", "a:c", "x <lora:c:0.8> <lora:b:1:0.2:stop=1>"),
            ("LoRA", "a:none", "x <lora:b:1:0.2:stop=1>"),
        ],
    )
    def test_an_axis(self, host: StandIn, label: str, value: str, after: str) -> None:
        plot = SimpleNamespace(axis_options=[], AxisOption=axis_option)
        scripts.scripts_data[:] = [SimpleNamespace(module=plot)]
        xyz.add_axes()
        xyz.add_axes()
        (option,) = [one for one in plot.axis_options if one.label == f"[Live LoRA] {label}"]
        p = SimpleNamespace(prompt="x <lora:a:0.8> <lora:b:1:0.2:stop=1>", negative_prompt="")
        option.apply(p, value, [value])
        assert p.prompt == after

    def test_a_named_tag_is_the_only_one_changed_in_all_prompts(self) -> None:
        p = SimpleNamespace(prompt="<lora:a:0.8>", negative_prompt="<lora:b:1> <lora:a:2>")
        xyz.applied(lambda tag, value: tag.with_value("weight", value))(p, "a: 0.5", [])
        assert (p.prompt, p.negative_prompt) == ("<lora:a:0.5>", "<lora:b:1> <lora:a:0.5>")

    def test_nothing_to_change(self) -> None:
        with pytest.raises(xyz.NoTag, match="no LoRA tag"):
            xyz.applied(Tag.with_name)(SimpleNamespace(prompt="x"), "0.5", [])


def axis_option(label: str, type: Any, apply: Any, choices: Any = None) -> Any:
    return SimpleNamespace(label=label, type=type, apply=apply, choices=choices)


class TestBundledEmbeddings:
    """A file that brings a word of its own."""

    @pytest.fixture
    def words(self) -> dict[str, Any]:
        return sd_hijack.model_hijack.embedding_db.word_embeddings

    @pytest.fixture
    def seen(self, host: StandIn, words: dict[str, Any]) -> Iterator[list[list[str]]]:
        """The words that the webui knew at each text that it encoded."""
        tensors = load_file(host.library / "a.safetensors")
        tensors["bundle_emb.foxword.string_to_param.*"] = torch.ones(2, 16)
        save_file(tensors, host.library / "bundle.safetensors")
        encode, known = host.model.get_learned_conditioning, []

        def watched(texts: list[str]) -> Any:
            known.append(list(words))
            return encode(texts)

        host.model.get_learned_conditioning = watched
        yield known
        (host.library / "bundle.safetensors").unlink()

    def test_its_word_is_known_while_it_acts(self, host: StandIn, seen: Any, words: Any) -> None:
        host.generate("a foxword <lora:bundle:1>")
        assert seen == [["foxword"], ["foxword"]]
        assert words == {}

    def test_the_users_own_word_comes_first(self, host: StandIn, seen: Any, words: Any) -> None:
        words["foxword"] = "mine"
        host.generate("a foxword <lora:bundle:1>")
        assert words.pop("foxword") == "mine"


def test_the_files_are_read_from_the_first_moment_on(
    host: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the webui loads a checkpoint or encodes; on the model that it drew with last."""
    host.generate("a fox <lora:a:1>")
    order: list[Any] = []
    init = wrapping.Job.init

    def first(job: Any, *arguments: Any) -> Any:
        order.append("init")
        return init(job, *arguments)

    monkeypatch.setattr(wrapping.Job, "init", first)
    monkeypatch.setattr(
        Core, "prefetch", lambda core, tags: order.append([tag.name for tag in tags])
    )
    host.generate(["a cat <lora:b:1>", "a fox <lora:a:1:on=0>"])
    assert order[:2] == [["b"], "init"]
