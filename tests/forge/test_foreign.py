"""A model that is none of ours, as far as our decision goes: the program's own LoRA gets the tags.

The checkpoint is SD 1.5 all the same: the random Flux that these programs would load is too large.
"""

from __future__ import annotations

from webui.server import Webui

from .own_lora import programs_own

PLAIN, CURVE = "a red fox <lora:a:0.8>", "<lora:b:0@0;1@0.5>"


def test_the_programs_own_lora_draws_the_picture(webui: Webui, reference: Webui) -> None:
    with programs_own(webui):
        foreign = webui.txt2img(PLAIN)
        told = webui.get("/probe")["comments"]
    assert (foreign.samples == reference.txt2img(PLAIN).samples).all()
    assert "applied by this program itself" in told
    assert "Lora hashes" in foreign.infotext


def test_what_it_cannot_read_costs_only_itself(webui: Webui) -> None:
    """One such weight, or one missing file, would cost every LoRA of the prompt."""
    with programs_own(webui):
        plain = webui.txt2img(PLAIN)
        mixed = webui.txt2img(f"{PLAIN}{CURVE}<lora:nope:1>")
        told = webui.get("/probe")["comments"]
    assert (mixed.samples == plain.samples).all()
    assert f"{CURVE}: left out" in told
    assert "no LoRA is named 'nope'" in told


def test_back_on_a_model_of_ours_it_has_given_back_what_it_had_put_in(webui: Webui) -> None:
    before = webui.txt2img("a red fox").samples
    hooked = webui.txt2img(PLAIN).samples
    with programs_own(webui):
        webui.txt2img("a red fox <lora:b:0.8>")
    assert (webui.txt2img(PLAIN).samples == hooked).all()
    assert (webui.txt2img("a red fox").samples == before).all()
