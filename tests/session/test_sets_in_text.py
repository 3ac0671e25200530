"""A picture's text becomes a set, and a set the text of a prompt here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from library.files import lora
from live_lora.library.catalog import Catalog
from live_lora.library.sets.lora_set import LoraSet, SetMember
from live_lora.prompt import parse
from live_lora.session.sets_in_text import set_in, text_of

HASHES = 'Lora hashes: "ink: abcdef012345, with colon: 0123456789ab"'
INFOTEXT = f"""a fox <lora:ink:0.8:te=0.5>, snow
at night <lora:"with: colon":0@0,1@0.5>
Negative prompt: sharp <lora:other:1>
Steps: 20, Sampler: Euler a, {HASHES}, Version: 1"""


def test_an_infotext() -> None:
    found = set_in(INFOTEXT, "Fox")
    assert found.name == "Fox"
    assert found.members == (
        SetMember("ink", "abcdef012345", ((None, "0.8"), ("te", "0.5"))),
        SetMember("with: colon", "0123456789ab", ((None, "0@0,1@0.5"),)),
    )
    assert found.prompt.startswith("a fox <lora:ink")
    assert "sharp" not in found.prompt


TEXTS = {
    "<lora:a:1>": ("a", ""),
    "x <lora:a:1>\nSteps: 2, Seed: 1": ("a", ""),
    "x <lora:a:1>\nSteps: 2, Lora hashes: a: 0123456789ab": ("a", "0123456789ab"),
    "x <lora:a:1:hash=ABCDEF01>\nNegative prompt: y": ("a", "abcdef01"),
    "Steps: 5, of stairs <lora:a:1>\nSteps: 2, Seed: 1": ("a", ""),
}


@pytest.mark.parametrize("text", TEXTS)
def test_texts(text: str) -> None:
    (member,) = set_in(text).members
    assert (member.name, member.hash) == TEXTS[text]
    assert member.arguments == ((None, "1"),)


def test_a_recipe_goes_before() -> None:
    recipe = {"title": "R", "loras": [{"file_name": "b", "strength": 0.5}]}
    assert set_in(f"{INFOTEXT}\nRecipe metadata: {json.dumps(recipe)}").name == "R"


@pytest.mark.parametrize("text", ["", "a fox", "Negative prompt: <lora:a:1>\nSteps: 1, x"])
def test_a_text_without_loras(text: str) -> None:
    with pytest.raises(ValueError, match="no LoRA"):
        set_in(text)


def test_files_are_found_by_their_hash(tmp_path: Path) -> None:
    lora(tmp_path / "renamed.safetensors", data=b"ink")
    lora(tmp_path / "ink.safetensors", data=b"another")
    catalog = Catalog([tmp_path])
    hash = catalog.find("renamed").shorthash
    one = LoraSet("x", (SetMember("ink", hash, ((None, "0.8"), ("te", "0"))),), words="old film")
    assert text_of(one, catalog) == ("<lora:renamed:0.8:te=0> old film", [])


def test_what_is_not_here_is_said(tmp_path: Path) -> None:
    lora(tmp_path / "ink.safetensors")
    catalog = Catalog([tmp_path])
    assert catalog.find("ink").hash
    one = LoraSet("x", (SetMember("ink", "0" * 12), SetMember("gone: <b>", "", ((None, "1"),))))
    text, notes = text_of(one, catalog)
    assert text == '<lora:ink> <lora:"gone: <b>":1>'
    assert "another file" in notes[0]
    assert "no LoRA is named" in notes[1]


def test_a_text_of_a_set_holds_its_tags_only(tmp_path: Path) -> None:
    """Names and values with signs of the language stay names and values."""
    nasty = 'a>" <lora:b:9> \\'
    catalog = Catalog([tmp_path])
    one = LoraSet("x", (SetMember(nasty, "", ((None, "0.5"), ("te", "1"))),))
    (tag,) = parse(text_of(one, catalog)[0]).tags
    assert (tag.name, [argument.value for argument in tag.arguments]) == (nasty, ["0.5", "1"])
    hostile = LoraSet("x", (SetMember("a", "", ((None, nasty), ("te", "1:2> <lora:b:9>"))),))
    assert "b" not in [tag.name for tag in parse(text_of(hostile, catalog)[0]).tags]
