"""Extensions that read prompts as well: Dynamic Prompts, lora-block-weight, tagcomplete."""

from __future__ import annotations

import pytest

from ..server import Webui

NEIGHBOURS = ("sd-dynamic-prompts", "sd-webui-lora-block-weight", "a1111-sd-webui-tagcomplete")


@pytest.mark.parametrize(
    "prompt",
    [
        "a red fox <lora:a:0.8>",
        "a red fox <lora:a:0.8:lbw=OUTD>",
        "a red fox <lora:a:0.8:0.4:lbw=1,0,0,0,1,1,1,0.5,0,0,0,1,1,1,0,1,1>",
        "a red fox <lora:a:0.8:stop=2>",
        "a red fox <lora:a:1:lbw=NONE:lbwe=XYZ>",
    ],
)
def test_the_builtins_picture_with_block_weights(ours: Webui, builtin: Webui, prompt: str) -> None:
    """Its weights by block are ours as well, and count once."""
    assert ours.txt2img(prompt).farthest(builtin.txt2img(prompt)) <= 2


def test_alternatives_choose_loras(ours: Webui) -> None:
    """Every picture has what its own prompt came to."""
    prompt = "a {red|blue|green} fox {<lora:a:0.8>|<lora:b:0.8>|<lora:c:0.5:only=cond>}"
    made = ours.txt2img(prompt, batch_size=4, seed=7)
    prompts = [text.split("\nSteps:")[0] for text in made.info["infotexts"]]
    assert len({prompt.partition("<")[2] for prompt in prompts}) > 1
    for number, one in enumerate(prompts):
        alone = ours.txt2img(one, seed=7 + number)
        assert abs(made.pictures[-4 + number] - alone.pictures[0]).max() <= 2


def test_prompts_of_their_own(ours: Webui) -> None:
    """Given to our script; Dynamic Prompts would make one of them."""
    script = {"Live LoRA": {"args": [["a fox <lora:a:0.8>", "a bird <lora:b:0.8>"]]}}
    made = ours.txt2img("", batch_size=2, alwayson_scripts=script)
    assert [text.split(" <")[0] for text in made.info["infotexts"][-2:]] == ["a fox", "a bird"]


def test_nothing_of_theirs_or_ours_fails(ours: Webui) -> None:
    ours.txt2img("a fox <lora:a:0.8:lbw=OUTD> {x|y}")
    printed = ours.printed()
    assert "Error loading script" not in printed
    assert "live_lora" not in printed.partition("Startup time:")[2]
