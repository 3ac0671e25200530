"""What the webui's options, its API and other extensions make of prompts and of their language."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from live_lora import parse
from live_lora.hosts import webui
from live_lora.hosts.webui import job_options
from live_lora.records import Progress, Row, Target
from modules import processing, scripts
from standin_host import StandIn, changed
from webui_rules import difference


def test_add_network_to_prompt(host: StandIn) -> None:
    with changed(sd_lora="b", extra_networks_default_multiplier=0.7):
        made = host.generate("a fox ", n_iter=2)
        assert made.infotexts[1].startswith("a fox <lora:b:0.7>\n")
        assert job_options.with_default("a <lora:b:1>") == "a <lora:b:1>"
    assert difference(made.samples[0], host.generate("a fox <lora:b:0.7>").samples[0]) == 0


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
