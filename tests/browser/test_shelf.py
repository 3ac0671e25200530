"""Textual inversions and checkpoints among the cards: a word at a click, and never a tag."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from .conftest import FILE, LORAS, Open, lora, missing
from .page_parts import card, cell, library, prompt, rows

try:
    from playwright.sync_api import Page, Route, expect
except ImportError:
    missing("playwright is not installed")

OTHERS = [
    lora("ghibli words", stem="ghibli words", what="inversion", words="not these"),
    lora("misplaced", what="inversion", error="this is a LoRA, not a textual inversion"),
    lora("base v1", what="checkpoint"),
]


@pytest.fixture
def shown(visit: Open) -> Page:
    """The page of a program that shows them."""
    page = visit()
    files = [{**one, "id": f"{one['what']}:{one['id']}"} for one in OTHERS]
    answer: dict[str, Any] = {"files": files, "read": len(files)}

    def details(route: Route) -> None:
        id = unquote(route.request.url.rpartition("/")[2])
        route.fulfill(json=FILE | next(one for one in files if one["id"] == id))

    page.route("**/live-lora/file/*%3A*", details)
    page.route("**/live-lora/shelf*", lambda route: route.fulfill(json=answer))
    page.evaluate("liveLora.tab.shelf.load()")
    page.wait_for_function("liveLora.tab.shelf.rows.length === 3")
    return page


def test_an_inversion_goes_in_and_out_as_a_word(shown: Page) -> None:
    tab = library(shown)
    expect(tab.get_by_text(f"{len(LORAS) + 3} files")).to_be_visible()
    word = card(tab, "ghibli words")
    expect(cell(tab, "ghibli words")).to_contain_text("Textual inversion")
    word.click()
    expect(prompt(shown)).to_have_value("ghibli words")
    expect(word).to_have_attribute("aria-pressed", "true")
    card(tab, "ghibli").click()
    expect(prompt(shown)).to_have_value("ghibli words, ghibli style <lora:ghibli:0.7>")
    word.click()
    expect(prompt(shown)).to_have_value("ghibli style <lora:ghibli:0.7>")
    expect(cell(tab, "ghibli words").get_by_role("slider")).to_have_count(0)


def test_a_checkpoint_is_shown_only(shown: Page) -> None:
    tab = library(shown)
    expect(cell(tab, "base v1")).to_contain_text("Checkpoint")
    card(tab, "base v1").click()
    expect(prompt(shown)).to_have_value("")
    expect(tab.get_by_role("heading", name="base v1")).to_be_visible()


def test_what_lies_wrong_is_told_and_stays_out(shown: Page) -> None:
    tab = library(shown)
    expect(cell(tab, "misplaced")).to_contain_text("this is a LoRA, not a textual inversion")
    card(tab, "misplaced").click()
    expect(prompt(shown)).to_have_value("")


def test_no_tag_leads_to_them(shown: Page) -> None:
    """Neither by its name nor at the caret."""
    area = prompt(shown)
    area.fill("<lora:base v1:1> <lora:ghibli words:1>")
    expect(rows(shown).get_by_text("No LoRA has this name.").first).to_be_visible()
    area.fill("")
    area.press_sequentially("<lora:g")
    expect(shown.get_by_role("option").first).to_contain_text("ghibli")
    expect(shown.get_by_role("option").filter(has_text="ghibli words")).to_have_count(0)


def test_they_are_found_and_filtered(shown: Page) -> None:
    tab = library(shown)
    tab.get_by_role("searchbox").fill("is:inversion")
    expect(card(tab, "ghibli words")).to_be_visible()
    expect(card(tab, "ghibli")).to_have_count(0)
    tab.get_by_role("searchbox").fill("checkpoint")
    expect(card(tab, "base v1")).to_be_visible()


def test_work_on_many_files_leaves_them_alone(shown: Page) -> None:
    tab = library(shown)
    tab.get_by_text("Civitai, sets, many files").click()
    expect(tab.get_by_role("region", name="Shown files")).to_contain_text(f"{len(LORAS)} files")
