"""The library's cards and details as a user meets them."""

from __future__ import annotations

import re

import pytest

from .conftest import LORAS, Open, lora, missing
from .page_parts import card, cell, library, names, open_tab, prompt
from .shown_library import LONG, SHOWN
from .shown_library import page as page

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("playwright is not installed")


def test_what_cannot_be_used_cannot_be_put_into_a_prompt(page: Page) -> None:
    tab = library(page)
    broken = cell(tab, "broken")
    expect(broken.get_by_text("it is cut short: download it again")).to_be_visible()
    expect(broken.get_by_role("slider")).to_have_count(0)
    card(tab, "broken").click()
    expect(tab.get_by_role("complementary", name="Details")).to_contain_text("it is cut short")
    expect(prompt(page)).to_have_value("")


def test_an_unusable_one_that_is_in_the_prompt_can_be_taken_out(page: Page) -> None:
    prompt(page).fill("a fox <lora:broken:1>")
    tab = library(page)
    card(tab, "broken").click()
    expect(prompt(page)).to_have_value("a fox")


def test_the_ends_of_long_names_are_seen(page: Page) -> None:
    tab = library(page)
    for name in (f"{LONG}_2", f"{LONG}_3"):
        title = cell(tab, name).locator(".live-lora-title")
        fits = title.evaluate("it => it.scrollHeight <= it.clientHeight + 1")
        assert fits, name


@pytest.mark.parametrize("size", ["Small cards", "Large cards", "List"])
def test_sizes_are_kept(page: Page, size: str) -> None:
    tab = library(page)
    tab.get_by_role("combobox", name="Size of the cards").select_option(label=size)
    expect(card(tab, "neon")).to_be_visible()
    assert sorted(names(tab)) == sorted(str(row["name"]) for row in SHOWN)
    page.reload()
    tab = library(page)
    chosen = tab.get_by_role("combobox", name="Size of the cards")
    expect(chosen).to_have_value({"Small cards": "s", "Large cards": "l", "List": "list"}[size])


def test_a_first_visit_begins_with_what_fits_the_model(visit: Open) -> None:
    tab = library(visit(SHOWN, base=None))
    expect(card(tab, "neon")).to_be_visible()
    assert sorted(names(tab)) == ["anime_anime_1.5_lineart_fixed_hands_version_2", "broken", "neon"]
    tab.get_by_role("button", name="All", exact=False).first.click()
    assert len(names(tab)) == len(SHOWN)


def test_the_keyboard_goes_from_the_search_into_the_results(page: Page) -> None:
    tab = library(page)
    search = tab.get_by_role("searchbox", name="Search LoRAs")
    search.fill("noen")  # a slip of the finger
    assert names(tab) == ["neon"]
    search.press("Enter")
    expect(card(tab, "neon")).to_be_focused()
    page.keyboard.press("Enter")
    expect(prompt(page)).to_have_value("neon glow <lora:neon:1>")


def test_notes_are_searched_by_the_program(visit: Open) -> None:
    tab = library(visit([*SHOWN, lora("quiet", notes="a harbour in the fog")]))
    search = tab.get_by_role("searchbox", name="Search LoRAs")
    search.fill("harbour")
    expect(card(tab, "quiet")).to_be_visible()
    assert names(tab) == ["quiet"]
    search.fill("note:fog")
    expect(card(tab, "neon")).to_have_count(0)
    expect(card(tab, "quiet")).to_be_visible()
    search.fill("note:nothing of the kind")
    expect(tab.get_by_text("No LoRA matches.")).to_be_visible()


def test_filters_are_counted(page: Page) -> None:
    tab = library(page)
    tab.get_by_text("Filters").click()
    tab.get_by_role("button", name="Unusable 2").click()
    assert sorted(names(tab)) == ["broken", "flux thing"]
    tab.get_by_role("button", name="Unusable 2").click()
    tab.get_by_role("group", name="Kind").get_by_role("button", name="style 1").click()
    assert names(tab) == ["neon"]


def test_the_order_can_be_turned(page: Page) -> None:
    tab = library(page)
    expect(card(tab, "neon")).to_be_visible()
    first = names(tab)
    tab.get_by_role("button", name="Ascending").click()
    assert names(tab) == first[::-1]


def test_details_put_single_groups_of_words_in_and_out(page: Page) -> None:
    tab = library(page)
    tab.get_by_role("button", name="Details of neon").click()
    words = tab.get_by_role("group", name="Trigger words")
    group = words.get_by_role("button", name="red dress, gold trim")
    group.click()
    expect(prompt(page)).to_have_value("red dress, gold trim")
    expect(group).to_have_attribute("aria-pressed", "true")
    words.get_by_role("button", name="hat").click()
    group.click()
    expect(prompt(page)).to_have_value("hat")


def test_what_the_user_says_is_saved(page: Page) -> None:
    tab = library(page)
    tab.get_by_role("button", name="Details of neon").click()
    form = tab.get_by_role("form", name="Your notes")
    expect(form.get_by_role("button", name="Save")).to_be_disabled()
    form.get_by_label("Preferred weight").fill("0.6")
    form.get_by_label("Notes").fill("<b>mine</b>")
    form.get_by_label("Kind").select_option("clothing")
    form.get_by_label("Rating").select_option("★★★")
    form.get_by_label("Base model").select_option("SDXL")
    with page.expect_request(lambda request: request.method == "POST") as sent:
        form.get_by_role("button", name="Save").click()
    wanted = {"weight": 0.6, "notes": "<b>mine</b>", "kind": "clothing"}
    assert sent.value.post_data_json == wanted | {"rating": 3, "sd_version": "SDXL"}
    expect(form.get_by_label("Notes")).to_have_value("<b>mine</b>")
    expect(form.get_by_text("Saved.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(tab.get_by_role("complementary", name="Details")).to_be_hidden()


def test_changes_are_seen_without_a_reload(visit: Open) -> None:
    page = visit([dict(row) for row in LORAS])
    tab = library(page)
    changed = {"since": "1", "all": False, "read": 6, "files": 8, "gone": [LORAS[1]["id"]]}
    changed["loras"] = [{**LORAS[0], "weight": 0.25}]
    page.route(re.compile(r"/library\?since"), lambda route: route.fulfill(json=changed))
    expect(cell(tab, "ghibli").get_by_role("slider")).to_have_value("0.25", timeout=15_000)
    expect(card(tab, "sharp")).to_have_count(0)
    expect(tab.get_by_text("6 of 8 read")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_narrow_page(visit: Open, scheme: str) -> None:
    page = visit(SHOWN, query=f"?__theme={scheme}", viewport={"width": 390, "height": 800})
    tab = library(page)
    expect(tab.get_by_role("grid")).to_have_attribute("aria-colcount", "2")
    tab.get_by_role("button", name="Details of neon").click()
    expect(tab.get_by_role("form", name="Your notes")).to_be_visible()
    wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0


EVIL = '"><img src=x onerror="globalThis.ran = true"><script>globalThis.ran = true</script>'


def test_html_in_every_field_neither_runs_nor_breaks(visit: Open) -> None:
    texts = ("alias", "folder", "base", "words", "kind", "algorithm", "misfit", "notes", "negative")
    row = lora(EVIL, **dict.fromkeys(texts, EVIL), triggers=[EVIL], tags=[EVIL])
    facts = {"model": EVIL, "creator": EVIL, "licence": EVIL, "tags": [EVIL], "url": EVIL}
    row |= {"description": EVIL, "metadata": {EVIL: EVIL}, "civitai": facts, "problems": [EVIL]}
    page = visit([row | {"relative": f"{EVIL}.safetensors", "training_tags": [[EVIL, 2]]}])
    tab = library(page)
    tab.get_by_text("Filters").click()
    tab.get_by_role("gridcell").get_by_role("button").first.click()
    tab.get_by_role("button", name="Details of").click()
    expect(tab.get_by_role("form", name="Your notes")).to_be_visible()
    tab.get_by_text("Metadata (1)").click()
    open_tab(page, "txt2img")
    prompt(page).fill("<lora:x")
    page.wait_for_timeout(500)
    assert page.evaluate("globalThis.ran") is None
    assert page.locator(".live-lora script, .live-lora img[src=x]").count() == 0


def test_pictures_above_the_level_are_blurred(visit: Open) -> None:
    page = visit([lora("mild", preview=1, nsfw="R"), lora("strong", preview=1, nsfw="X")])
    tab = library(page)
    blur = "it => getComputedStyle(it).filter"
    assert cell(tab, "mild").locator("img").evaluate(blur) == "none"
    assert "blur" in cell(tab, "strong").locator("img").evaluate(blur)
    tab.get_by_role("button", name="Details of strong").click()
    large = tab.locator(".live-lora-large")
    assert "blur" in large.evaluate(blur)
