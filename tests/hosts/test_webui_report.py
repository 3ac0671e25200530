"""What a generation in the webui tells: in report, comments, infotext, console, strict errors."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from live_lora.hosts import webui
from live_lora.session.session import StrictError
from modules import script_callbacks, scripts
from standin_host import StandIn, comments
from webui_rules import difference


def test_the_report_for_the_api(host: StandIn) -> None:
    host.generate("a fox <lora:a:1> <lora:nope:1>", hires=True, hr_prompt="a fox <lora:b:1>")
    found = webui.tab_routes.report()
    assert [one["name"] for one in found["networks"]] == ["a", "b"]
    assert found["networks"][0]["ran"].keys() == {"unet", "text_encoder"}
    assert "nope" in found["problems"][0]["message"]
    passes = found["execution"].split("; ")
    assert all(re.fullmatch(r"automatic: .*\d+ layers .*", one) for one in passes), passes


def test_the_report_is_the_last_generations_with_or_without_loras(host: StandIn) -> None:
    host.generate("a fox <lora:a:1> <lora:nope:1>")
    host.generate("a fox <lora:a:1> <lora:nope:1>")
    assert webui.notices.CACHED in webui.tab_routes.report()["notes"]
    host.generate("a fox")
    empty = {"ok": True, "networks": [], "problems": [], "notes": [], "execution": ""}
    assert webui.tab_routes.report() == empty


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
