"""A generation inside of another, as ADetailer makes one: with a chosen few of the scripts."""

from __future__ import annotations

from webui.server import Picture, Webui

from .own_lora import programs_own

OUTER, INNER = "a red fox <lora:a:0.8>", "a face <lora:b:0.7>"


def drawn(webui: Webui, prompt: str, again: str) -> Picture:
    webui.post("/probe/draw_again", prompt=again)
    return webui.txt2img(prompt)


def test_it_has_the_tags_of_its_own_prompt(webui: Webui) -> None:
    """Our script is not among those that it knows; afterwards no bit has changed."""
    before = webui.txt2img("a red fox")
    made = drawn(webui, OUTER, INNER)
    with programs_own(webui):
        expected = drawn(webui, OUTER, INNER)
    assert made.farthest(expected) <= 2
    assert made.farthest(drawn(webui, OUTER, "a face")) > 5
    assert webui.txt2img("a red fox").farthest(before) == 0
