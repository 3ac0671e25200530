"""Regional Prompter beside ours: its regions are parts of AND, and tags keep to them."""

from __future__ import annotations

from typing import Any

import pytest
from live_lora import parse
from live_lora.hosts.webui.regional_prompter import Regions, regions_of
from live_lora.records import Progress, Row, Target
from modules import processing, scripts
from standin_host import StandIn
from webui_rules import difference

UNET = Target("unet", "conv_in", "", "conv", (1, 1, 1, 1))
TEXT = Target("text_encoder", "encoder_layers_0_mlp_fc1", "", "linear", (1, 1))
LEFT, RIGHT, AGAINST = Row(0, "cond", 0), Row(0, "cond", 1), Row(0, "uncond")


class RegionalPrompter(scripts.Script):
    """As far as we look at it."""

    def __init__(self, calc: str = "Latent", mode: str = "Horizontal", active: bool = True) -> None:
        self.calc, self.mode, self.active = calc, mode, active
        self.lstop = self.lstop_hr = 2244096

    def title(self) -> str:
        return "Regional Prompter"

    def process(self, p: Any, *_: Any) -> None:
        """Regions become parts of AND; a common prompt stands in all of them."""
        p.all_prompts = [one.replace("BREAK", "AND") for one in p.all_prompts]


def beside(host: StandIn, prompt: str, **settings: Any) -> Any:
    """A picture with that extension on."""
    p = host.process(prompt)
    p.scripts.scripts = p.scripts.alwayson_scripts = (
        *p.scripts.scripts,
        RegionalPrompter(**settings),
    )
    return processing.process_images(p)[0].numpy()


@pytest.mark.parametrize("settings", [{}, {"calc": "Attention"}, {"mode": "Prompt-Ex"}])
def test_a_tag_acts_in_its_region(host: StandIn, settings: dict[str, str]) -> None:
    """In Latent mode; elsewhere that extension leaves LoRAs alone."""
    only = "" if settings else ":only=part"
    scoped = host.generate(f"a cat <lora:a:1{only}> AND a dog <lora:b:0.7{only}>").samples
    made = beside(host, "a cat <lora:a:1> BREAK a dog <lora:b:0.7>", **settings)
    assert difference(made, scoped) == 0
    if not settings:
        everywhere = host.generate("a cat <lora:a:1> AND a dog <lora:b:0.7>").samples
        assert difference(everywhere, scoped) > 1e-3


def test_its_conds_are_not_kept_for_a_picture_without_regions(host: StandIn) -> None:
    """The same prompt, once by region and once all over: the webui keeps the conds of the first."""
    prompt = "a cat <lora:a:1:0> AND a dog"
    whole = host.generate(prompt).samples
    scoped = beside(host, prompt)
    assert difference(scoped, whole) > 1e-3
    assert difference(host.generate(prompt).samples, whole) == 0


def test_what_is_written_comes_first(host: StandIn) -> None:
    prompt = "a cat <lora:a:1:only=cond> AND a dog"
    assert difference(beside(host, prompt), host.generate(prompt).samples) == 0


def script(**settings: Any) -> RegionalPrompter:
    made = RegionalPrompter()
    vars(made).update(settings)
    return made


def test_its_settings_for_uncond() -> None:
    """Shares by text encoder and UNet, for each LoRA in its order; the last counts for the rest."""
    ratios = {"RP LoRA Neg Te Ratios": "0.5", "RP LoRA Neg U Ratios": "0,0.25, x"}
    text = "<lora:a:1> x <lora:b:0.8> AND <lora:b:1> <lora:c:1>"
    tags = Regions(script(), ratios).scoped(parse(text)).tags
    rows = (LEFT, RIGHT, AGAINST)
    weights = [[tag.weight(UNET, row, Progress()) for row in rows] for tag in tags]
    assert weights == [[1, 0, 0], [0.8, 0, 0.2], [0, 1, 0.25], [0, 1, 0]]
    assert [tag.weight(TEXT, AGAINST, Progress()) for tag in tags] == [0.5, 0.4, 0.5, 0.5]


def test_its_steps_to_stop_at() -> None:
    (tag,) = Regions(script(lstop=2, lstop_hr=1), {}).scoped(parse("<lora:a:1>")).tags
    for hires, on in ((False, [1, 1, 0, 0]), (True, [1, 0, 0, 0])):
        moments = [Progress(step, 4, hires=hires) for step in range(4)]
        assert [tag.weight(UNET, LEFT, moment) for moment in moments] == on
        assert tag.weight(TEXT, LEFT, moments[3]) == 1


def test_where_it_is_off(host: StandIn) -> None:
    p = host.process("a")
    assert regions_of(p) is None
    p.scripts.alwayson_scripts = [RegionalPrompter(active=False)]
    assert regions_of(p) is None
    p.scripts = None
    assert regions_of(p) is None
