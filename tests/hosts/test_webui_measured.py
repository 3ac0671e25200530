"""In the webui: a map under the picture where it is asked for; caps that the infotext records."""

from __future__ import annotations

import re

from live_lora import parse
from live_lora.hosts import webui
from standin_host import StandIn, comments
from webui_rules import difference

MEASURED = re.compile(r"^Live LoRA, measured: (\S+)$", re.M)


def test_what_was_measured_is_found_by_its_name_under_the_picture(host: StandIn) -> None:
    prompts = ["a fox <lora:unet-a:1> <lora:a:0.5>", "a bird <lora:unet-a:0.5>"]
    off = host.generate(prompts)
    assert not MEASURED.search(comments(off.p))
    made = host.generate(prompts, hires=True, settings={"live_lora_measure": True})
    (name,) = MEASURED.findall(comments(made.p))
    found = webui.LIVE.measured.find(name)
    assert found is not None
    assert [[one["moments"][0]["hires"] for one in passes] for passes in found] == [
        [False, True]
    ] * 2
    strong, weak = (passes[0]["pooled"]["unet-a"] for passes in found)
    assert [len(strong), len(weak)] == [made.p.steps] * 2
    assert all(0 < b < a for a, b in zip(strong, weak, strict=True))
    assert webui.LIVE.measured.find("nonsense") is None


def test_a_cap_holds_and_its_text_makes_the_same_picture(host: StandIn) -> None:
    measured = {"live_lora_measure": True}
    free = host.generate("a fox <lora:unet-a:1>", settings=measured)
    (name,) = MEASURED.findall(comments(free.p))
    ((facts,),) = webui.LIVE.measured.find(name) or ()
    cap = min(facts["pooled"]["unet-a"]) / 2
    made = host.generate(f"a fox <lora:unet-a:1:cap={cap:.4g}>", settings=measured)
    (name,) = MEASURED.findall(comments(made.p))
    ((facts,),) = webui.LIVE.measured.find(name) or ()
    # What a random UNet answers changes by a tenth from step to step.
    assert max(facts["pooled"]["unet-a"][1:]) <= cap * 1.2
    text = made.infotexts[0].partition("\n")[0]
    assert parse(text).tags[0].is_capped
    assert difference(host.generate(text).samples, made.samples) < 1e-6
    assert difference(made.samples, free.samples) > 1e-3


def test_the_setting_is_for_all_loras_together(host: StandIn) -> None:
    prompt = "a fox <lora:unet-a:1> <lora:unet-b:1>"
    made = host.generate(prompt, settings={"live_lora_cap": "0.001"})
    text = made.infotexts[0].partition("\n")[0]
    assert len([tag for tag in parse(text).tags if tag.is_capped]) == 2
    again = host.generate(text, settings={"live_lora_cap": "0.001"})
    assert difference(again.samples, made.samples) < 1e-5
    unreadable = host.generate(prompt, settings={"live_lora_cap": "much"})
    assert unreadable.infotexts[0].startswith(prompt)
