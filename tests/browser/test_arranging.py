"""Which cards stand in the tab and in which order: folders, orders, filters, what is blurred."""

from __future__ import annotations

import pytest

from .conftest import Open, lora, missing
from .page_parts import card, cell, library, names

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("playwright is not installed")

SHOWN = [
    lora("top", used=2, last_used=1e9),
    lora("oil", folder="style/painting", nsfw="R", preview=1),
    lora("ink", folder="style", used=7, last_used=5e8, nsfw="X", preview=1),
    lora("far", folder="style/painting/dutch/old"),
    lora("hat", folder="clothing", error="it is cut short"),
]


@pytest.fixture
def page(visit: Open) -> Page:
    return visit(SHOWN)


def test_a_folder_is_chosen_by_the_mouse(page: Page) -> None:
    tab = library(page)
    tree = tab.get_by_role("tree", name="Folder")
    items = tree.get_by_role("treeitem")
    expect(items).to_have_text(["All folders 5", "clothing 1", "▸style 3"])
    tree.get_by_role("treeitem", name="style 3").locator(".live-lora-twist").click()
    expect(items).to_have_count(4)
    assert len(names(tab)) == 5  # to look is not to choose
    tree.get_by_role("treeitem", name="painting 2").click()
    assert names(tab) == ["far", "oil"]
    expect(tab.get_by_role("button", name="painting", exact=True)).to_be_visible()
    tab.get_by_role("searchbox").fill("nothing of the kind")
    tab.get_by_role("button", name="Show all").click()
    assert len(names(tab)) == 5
    expect(tree.get_by_role("treeitem", selected=True)).to_have_text("All folders 5")


def test_the_tree_by_the_keyboard(page: Page) -> None:
    tab = library(page)
    tree = tab.get_by_role("tree", name="Folder")
    tree.get_by_role("treeitem", name="All folders").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(tree.get_by_role("treeitem", name="painting 2")).to_be_focused()
    assert len(names(tab)) == 5
    page.keyboard.press("Enter")
    assert names(tab) == ["far", "oil"]
    chosen = tree.get_by_role("treeitem", name="painting 2")
    expect(chosen).to_be_focused()
    expect(chosen).to_have_attribute("aria-selected", "true")
    expect(chosen).to_have_attribute("aria-level", "2")
    page.keyboard.press("ArrowLeft")
    expect(tree.get_by_role("treeitem", name="style 3")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(tree.get_by_role("treeitem", name="style 3")).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    assert len(names(tab)) == 5


def test_the_tree_is_kept_open_or_closed(page: Page) -> None:
    tab = library(page)
    button = tab.get_by_role("button", name="Folders", exact=True)
    expect(button).to_have_attribute("aria-expanded", "true")
    button.click()
    expect(tab.get_by_role("tree")).to_be_hidden()
    page.reload()
    tab = library(page)
    expect(card(tab, "top")).to_be_visible()
    expect(tab.get_by_role("tree")).to_be_hidden()


def test_a_narrow_page_shows_the_tree_when_asked(visit: Open) -> None:
    tab = library(visit(SHOWN, viewport={"width": 390, "height": 844}))
    expect(tab.get_by_role("tree")).to_be_hidden()
    tab.get_by_role("button", name="Folders", exact=True).click()
    tab.get_by_role("treeitem", name="style 3").click()
    assert names(tab) == ["far", "ink", "oil"]
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_was_used_most_and_last(page: Page) -> None:
    tab = library(page)
    sort = tab.get_by_role("combobox", name="Sort by")
    sort.select_option(label="By use")
    assert names(tab)[:2] == ["ink", "top"]
    sort.select_option(label="By last use")
    assert names(tab)[:2] == ["top", "ink"]
    tab.get_by_text("Filters").click()
    tab.get_by_role("button", name="Never used 2").click()
    assert sorted(map(str, names(tab))) == ["far", "oil"]


def test_a_random_order_has_a_seed(visit: Open) -> None:
    page = visit([lora(f"lora {number}") for number in range(20)])
    tab = library(page)
    tab.get_by_role("combobox", name="Sort by").select_option(label="By random")
    seed = tab.get_by_role("spinbutton", name="Seed of the order")
    seed.fill("7")
    seed.press("Enter")
    seventh = names(tab)
    seed.fill("8")
    seed.press("Enter")
    assert names(tab) != seventh
    seed.fill("7")
    seed.press("Enter")
    assert names(tab) == seventh
    page.reload()
    tab = library(page)
    expect(card(tab, str(seventh[0]))).to_be_visible()
    assert names(tab) == seventh
    tab.get_by_role("button", name="Shuffle").click()
    other = seed.input_value()
    expect(tab.get_by_role("button", name="Ascending")).to_be_hidden()
    assert (names(tab) == seventh) == (other == "7")


def blurred(page: Page, name: str) -> bool:
    page.mouse.move(0, 0)
    image = cell(library(page), name).locator("img")
    return bool(image.evaluate("it => getComputedStyle(it).filter.startsWith('blur')"))


def test_pictures_above_a_level_are_blurred(page: Page) -> None:
    tab = library(page)
    assert not blurred(page, "oil")
    assert blurred(page, "ink")
    tab.get_by_text("Filters").click()
    level = tab.get_by_role("combobox", name="Blur pictures above")
    expect(level.locator("option:checked")).to_have_text("R")
    level.select_option(label="PG-13")
    assert blurred(page, "oil")
    level.select_option(label="never")
    assert not blurred(page, "ink")
    page.reload()
    expect(card(library(page), "ink")).to_be_visible()
    assert not blurred(page, "ink")


def test_a_blurred_picture_is_seen_while_it_is_pointed_at(page: Page) -> None:
    ink = cell(library(page), "ink")
    ink.hover()
    image = ink.locator("img")
    assert image.evaluate("it => getComputedStyle(it).filter") == "none"
