"""The library beside a prompt: the drawer, completion, and what cards write and read there."""

from __future__ import annotations

import re

from .conftest import Open, lora, missing
from .page_parts import card, cell, library, open_tab, prompt
from .shown_library import page as page

try:
    from playwright.sync_api import Locator, Page, expect
except ImportError:
    missing("playwright is not installed")


def font_of(place: Locator) -> str:
    """Its computed families."""
    return str(place.evaluate("element => getComputedStyle(element).fontFamily"))


def test_the_drawer_stands_beside_the_prompt(page: Page) -> None:
    open_tab(page, "txt2img")
    button = page.locator("#txt2img_prompt_row").get_by_role("button", name="LoRA", exact=True)
    button.click()
    drawer = page.get_by_role("dialog", name="LoRA")
    expect(drawer).to_be_visible()
    assert font_of(drawer) == font_of(prompt(page)), "though it stands outside of gradio's part"
    expect(drawer.get_by_role("searchbox", name="Search LoRAs")).to_be_focused()
    card(drawer.get_by_role("region", name="LoRA library"), "neon").click()
    expect(prompt(page)).to_have_value("neon glow <lora:neon:1>")
    expect(prompt(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(button).to_be_focused()
    expect(card(library(page), "neon")).to_be_visible()  # the same element, back in its tab


def test_cards_beside_a_prompt_act_on_that_prompt(page: Page) -> None:
    """As in a webui, where the library stands in txt2img's own tab and in img2img's."""
    for name in ("txt2img", "img2img"):
        open_tab(page, name)
        place = (
            "place => place.insertAdjacentHTML('beforeend', '<div class=live-lora-place></div>')"
        )
        page.locator(f"#tab_{name}").evaluate(place)
        page.locator(f"#{name}_seen").click()
        shown = page.locator(f"#tab_{name} .live-lora-place")
        card(shown, "neon").click()
        expect(prompt(page, f"{name}_prompt")).to_have_value("neon glow <lora:neon:1>")


def test_completion_at_the_caret(page: Page) -> None:
    area = prompt(page)
    area.press_sequentially("a fox <lora:ne", delay=20)
    choices = page.get_by_role("listbox", name="Completion")
    expect(choices.get_by_role("option")).to_have_count(3)
    expect(choices.get_by_role("option").first).to_have_text("NneonSD1")
    expect(area).to_be_focused()
    area.press("Enter")
    expect(area).to_have_value("a fox <lora:neon:1>")
    expect(choices.first).to_be_hidden()
    area.press("Control+z")
    expect(area).to_have_value("a fox <lora:ne")


def test_enter_takes_what_was_typed_since_the_list_was_made(page: Page) -> None:
    """Both at once, so that no time is left to make the list anew."""
    area = prompt(page)
    area.press_sequentially("a fox <lora:n", delay=20)
    expect(page.get_by_role("listbox", name="Completion")).to_be_visible()
    area.evaluate(
        """(area) => {
            document.execCommand("insertText", false, "eo");
            area.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
        }"""
    )
    expect(area).to_have_value("a fox <lora:neon:1>")


def test_completion_closes_and_stays_away_where_another_is(page: Page) -> None:
    area = prompt(page)
    area.press_sequentially("<lora:", delay=20)
    choices = page.get_by_role("listbox", name="Completion")
    expect(choices).to_be_visible()
    area.press("Escape")
    expect(choices).to_be_hidden()
    page.evaluate("globalThis.TAC_CFG = {}")
    area.press_sequentially("n", delay=20)
    page.wait_for_timeout(300)
    expect(choices).to_be_hidden()


def test_a_name_that_would_be_cut_is_written_with_its_hash(visit: Open) -> None:
    page = visit([lora("#one__two", hash="abcdef123456"), lora("100% real")])
    page.route("**/hash", lambda route: route.fulfill(json={"hash": "0123456789ab"}))
    tab = library(page)
    expect(card(tab, "#one__two")).to_have_accessible_description(re.compile("with its hash"))
    card(tab, "#one__two").click()
    expect(prompt(page)).to_have_value("<lora:-one-two:1:hash=abcdef123456>")
    expect(card(tab, "#one__two")).to_have_attribute("aria-pressed", "true")
    card(tab, "#one__two").click()
    expect(prompt(page)).to_have_value("")
    card(tab, "100% real").click()  # nobody has hashed it yet
    expect(prompt(page)).to_have_value("<lora:100- real:1:hash=0123456789ab>")


def test_a_card_shows_the_sweep_of_its_tag(page: Page) -> None:
    prompt(page).fill("<lora:neon:sweep=0;0.5;1>")
    neon = cell(library(page), "neon")
    expect(neon.get_by_text("0;0.5;1")).to_be_visible()
    expect(neon.get_by_role("slider")).to_be_hidden()
    prompt(page).evaluate("it => (it.value = '<lora:neon:0.5>')")
    expect(neon.get_by_role("slider")).to_have_value("0.5")


def test_the_range_of_a_file_is_that_of_its_sliders(visit: Open) -> None:
    page = visit([lora("slider", range=[-3, 0.5], weight=-2)])
    prompt(page).fill("<lora:slider:-2>")
    row = page.get_by_role("group", name="LoRAs in txt2img", exact=True)
    tab = library(page)
    for place in (row, cell(tab, "slider")):
        slider = place.locator("input[type=range]").first
        expect(slider).to_have_attribute("min", "-3")
        expect(slider).to_have_attribute("max", "0.5")
        expect(slider).to_have_value("-2")


def test_the_negative_text_goes_with_the_tag(visit: Open) -> None:
    loras = [lora("a", negative="blurry, old"), lora("b", words="bee", negative="wasp")]
    page = visit(loras)
    negative = prompt(page, "txt2img_neg_prompt")
    negative.fill("ugly")
    tab = library(page)
    card(tab, "a").click()
    expect(negative).to_have_value("ugly, blurry, old")
    card(tab, "b").click(modifiers=["Shift"])
    expect(prompt(page)).to_have_value("bee <lora:b:1>")
    expect(negative).to_have_value("ugly, wasp")
    card(tab, "b").click()
    expect(prompt(page)).to_have_value("")
    expect(negative).to_have_value("ugly")
    tab.get_by_label("Add trigger words").uncheck()
    card(tab, "b").click()
    expect(negative).to_have_value("ugly")
