"""The LoRA tab, as a user meets it; found by role and name."""

from __future__ import annotations

import re

import pytest

from .conftest import LORAS, Open, lora, missing
from .page_parts import assert_generates, card, cell, library, names, open_tab, prompt, rows, slider

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("playwright is not installed")


def test_a_click_puts_the_tag_in_and_a_second_click_takes_it_out(page: Page) -> None:
    area = prompt(page)
    area.fill("a fox")
    tab = library(page)
    card(tab, "sharp").click()
    expect(area).to_have_value("a fox <lora:sharp:1>")
    expect(card(tab, "sharp")).to_have_attribute("aria-pressed", "true")
    card(tab, "ghibli").click()
    expect(area).to_have_value("a fox <lora:sharp:1>, ghibli style <lora:ghibli:0.7>")
    card(tab, "ghibli").click()
    card(tab, "sharp").click()
    expect(area).to_have_value("a fox")
    card(tab, "sharp").click()
    assert_generates(page, "a fox <lora:sharp:1>")


@pytest.mark.parametrize(
    "tag",
    [
        "<lora:sharp:-1>",
        "<lora:sharp:0.5:0.8>",
        "<LYCO:style/sharp:0@0,1@0.5:on=0>",
        '<lora:"sharp">',
    ],
)
def test_takes_a_tag_out_whatever_its_arguments(page: Page, tag: str) -> None:
    prompt(page).fill(f"a {tag} b {tag}")
    tab = library(page)
    expect(card(tab, "sharp")).to_have_attribute("aria-pressed", "true")
    card(tab, "sharp").click()
    expect(prompt(page)).to_have_value("a b")


def test_shift_replaces_all_others(page: Page) -> None:
    prompt(page).fill("a fox <lora:ink:1> <lora:foo_v2:1>")
    tab = library(page)
    card(tab, "sharp").click(modifiers=["Shift"])
    expect(prompt(page)).to_have_value("a fox <lora:sharp:1>")


def test_trigger_words_are_optional(page: Page) -> None:
    tab = library(page)
    tab.get_by_role("checkbox", name="add trigger words").uncheck()
    card(tab, "ghibli").click()
    expect(prompt(page)).to_have_value("<lora:ghibli:0.7>")


def test_a_cards_slider_is_the_next_weight_and_then_the_tags(page: Page) -> None:
    area = prompt(page)
    tab = library(page)
    control = slider(tab.get_by_role("gridcell"), "sharp")
    control.press("ArrowLeft")
    expect(area).to_have_value("")
    card(tab, "sharp").click()
    expect(area).to_have_value("<lora:sharp:0.95>")
    control.press("ArrowLeft")
    expect(area).to_have_value("<lora:sharp:0.9>")
    card(tab, "sharp").press("-")
    expect(area).to_have_value("<lora:sharp:0.85>")
    active = slider(rows(tab.page), "sharp").last
    active.press("ArrowRight")
    expect(area).to_have_value("<lora:sharp:0.9>")
    expect(control).to_have_value("0.9")


def test_a_prompt_out_of_sight_never_gets_the_search_boxs_text(page: Page) -> None:
    prompt(page).fill("<lora:sharp:1>")
    tab = library(page)
    search = tab.get_by_role("searchbox")
    search.fill("sharp")
    slider(tab.get_by_role("gridcell"), "sharp").press("ArrowLeft")
    expect(search).to_have_value("sharp")
    expect(prompt(page)).to_have_value("<lora:sharp:0.95>")


def test_cards_act_on_the_chosen_prompt(page: Page) -> None:
    open_tab(page, "img2img")
    prompt(page, "img2img_prompt").focus()
    tab = library(page)
    target = tab.get_by_role("combobox", name="Prompt to add LoRAs to")
    expect(target.locator("option:checked")).to_have_text("img2img")
    card(tab, "sharp").click()
    expect(prompt(page, "img2img_prompt")).to_have_value("<lora:sharp:1>")
    target.select_option(label="txt2img negative")
    expect(card(tab, "sharp")).to_have_attribute("aria-pressed", "false")
    card(tab, "sharp").click()
    expect(prompt(page, "txt2img_neg_prompt")).to_have_value("<lora:sharp:1>")


def test_search_filters_and_order(page: Page) -> None:
    tab = library(page)
    search = tab.get_by_role("searchbox", name="Search LoRAs")
    search.fill("brush")
    assert names(tab) == ["foo_v2"]
    expect(tab.get_by_text("1 of 6 LoRAs")).to_be_visible()
    search.press("Escape")
    assert len(names(tab)) == 6
    tab.get_by_role("treeitem", name="style 2").click()
    assert names(tab) == ["ink", "sharp"]
    tab.get_by_role("combobox", name="Sort by").select_option(label="By date")
    assert names(tab) == ["sharp", "ink"]
    tab.get_by_role("button", name="SDXL").click()
    assert names(tab) == ["ink"]
    search.fill("nothing like it")
    tab.get_by_role("button", name="Show all").click()
    assert len(names(tab)) == 6


def test_a_misfit_says_why(page: Page) -> None:
    tab = library(page)
    expect(cell(tab, "ink").get_by_text("made for SDXL, this is SD 1")).to_be_visible()
    expect(card(tab, "ink")).to_have_accessible_description("made for SDXL, this is SD 1")


def test_the_keyboard_reaches_everything(page: Page) -> None:
    tab = library(page)
    card(tab, "a/same").focus()
    page.keyboard.press("/")
    expect(tab.get_by_role("searchbox")).to_be_focused()
    card(tab, "a/same").focus()
    page.keyboard.press("ArrowRight")
    expect(card(tab, "b/same")).to_be_focused()
    page.keyboard.press("End")
    expect(card(tab, "sharp")).to_be_focused()
    page.keyboard.press("Enter")
    expect(prompt(page)).to_have_value("<lora:sharp:1>")
    page.keyboard.press("Tab")
    expect(slider(tab.get_by_role("gridcell"), "sharp")).to_be_focused()
    assert tab.locator("[role=gridcell] > button[tabindex='0']").count() == 1


def test_ten_thousand_cards_are_a_screenful(visit: Open) -> None:
    many = [lora(f"lora {number:05d}", folder=f"f{number % 40}") for number in range(10_000)]
    tab = library(visit(many))
    grid = tab.get_by_role("grid")
    expect(card(tab, "lora 00000")).to_be_visible()
    assert tab.locator("*").count() < 1500
    card(tab, "lora 00000").press("End")
    expect(card(tab, "lora 09999")).to_be_focused()
    expect(card(tab, "lora 09999")).to_be_in_viewport()
    assert tab.locator("*").count() < 1500
    tab.get_by_role("searchbox").fill("04242")
    expect(grid).to_have_attribute("aria-rowcount", "1")
    assert names(tab) == ["lora 04242"]


HOSTILE = [
    "<img src=x onerror=\"throw 'injected'\">",
    'q"uote <b>x</b>',
    "a:b>c",
    "'; throw 1; //",
    "</script><script>throw 2</script>",
    "back\\slash",
    "{{ 7*7 }}",
    "x" * 300,
    "日本語 🦊",
]


def test_hostile_names_are_only_names(visit: Open) -> None:
    facts = [{"alias": n, "folder": n, "words": n, "misfit": n, "base": n} for n in HOSTILE]
    page = visit([lora(name, **fact) for name, fact in zip(HOSTILE, facts, strict=True)])
    tab = library(page)
    for name in HOSTILE:
        card(tab, name).click()
        expect(card(tab, name)).to_have_attribute("aria-pressed", "true")
    open_tab(page, "txt2img")
    rows(page).get_by_role("button", name="Show 5 more").click()
    switches = rows(page).get_by_role("switch", name=re.compile(" on$")).all()
    written = [re.sub(r"[#{}%]|\$\$|__", "-", name) for name in HOSTILE]  # those have a hash
    assert [each.get_attribute("aria-label") for each in switches] == [f"{n} on" for n in written]
    assert page.locator(".live-lora").locator("b, script, [src=x], [onerror]").count() == 0
    tab = library(page)
    for name in HOSTILE:
        card(tab, name).click()
    expect(prompt(page)).to_have_value("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_page_does_not_scroll_sideways(visit: Open, scheme: str) -> None:
    page = visit(
        LORAS,
        f"?__theme={scheme}",
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
    )
    prompt(page).fill("<lora:ghibli:0.8:0.5> <lora:" + "long" * 30 + ">")
    expect(rows(page)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tab = library(page)
    expect(tab.get_by_role("grid")).to_have_attribute("aria-colcount", "2")
    card(tab, "sharp").tap()
    expect(card(tab, "sharp")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_says_so_when_the_server_does_not_answer(page: Page) -> None:
    tab = library(page)
    page.route("**/live-lora/refresh?*", lambda route: route.abort())
    tab.get_by_role("button", name="Refresh").click()
    expect(tab.get_by_text("The server is not responding")).to_be_visible()
    tab.get_by_role("button", name="Try again").click()
    expect(tab.get_by_text("The server is not responding")).to_be_hidden()
    expect(card(tab, "sharp")).to_be_visible()


def test_says_what_to_do_where_there_are_no_files(visit: Open) -> None:
    tab = library(visit([]))
    expect(tab.get_by_text("models/Lora")).to_be_visible()


def test_a_library_that_changed_while_the_tab_was_hidden(page: Page) -> None:
    tab = library(page)
    expect(card(tab, "sharp")).to_be_visible()
    open_tab(page, "txt2img")
    few = [lora("only one")]
    page.route("**/live-lora/library?*", lambda route: route.fulfill(json={"loras": few}))
    page.evaluate("liveLora.library.load()")
    tab = library(page)
    expect(card(tab, "only one")).to_be_visible()
    assert names(tab) == ["only one"]
    expect(tab.get_by_role("grid")).to_have_attribute("aria-rowcount", "1")
