"""The library's cards, its details, and the drawer beside the prompt, as a user meets them."""

from __future__ import annotations

import re

import pytest

from .conftest import LORAS, Open, lora, missing
from .page_parts import card, cell, library, names, open_tab, prompt

try:
    from playwright.sync_api import Locator, Page, expect
except ImportError:
    missing("playwright is not installed")

LONG = "anime_anime_1.5_lineart_fixed_hands_version"
SHOWN = [
    lora("neon", words="neon glow", triggers=["red dress, gold trim", "hat"], kind="style"),
    lora("broken", error="it is cut short: download it again", base="Unknown"),
    lora("flux thing", base="Flux", error="this is a LoRA for Flux", misfit="made for Flux"),
    lora(f"{LONG}_2"),
    lora(f"{LONG}_3", base="SDXL"),
]


@pytest.fixture
def page(visit: Open) -> Page:
    return visit(SHOWN)


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


DROP = """([selector, name, type]) => {
  const data = new DataTransfer();
  data.items.add(new File(["picture"], name, { type }));
  const target = selector.closest("[role=gridcell]") ?? selector;
  for (const kind of ["dragover", "drop"])
    target.dispatchEvent(
      new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def test_a_picture_dropped_on_a_card_is_its_preview(page: Page) -> None:
    tab = library(page)
    neon = card(tab, "neon").element_handle()
    with page.expect_request("**/file/*/preview") as sent:
        page.evaluate(DROP, [neon, "x.png", "image/png"])
    assert sent.value.headers["content-type"] == "image/png"
    assert str(SHOWN[0]["id"]) in sent.value.url
    page.evaluate(DROP, [tab.element_handle(), "x.png", "image/png"])
    expect(tab.get_by_text("Drop the picture on the card that it is for.")).to_be_visible()
    page.evaluate(DROP, [tab.element_handle(), "x.txt", "text/plain"])
    expect(tab.get_by_text("x.txt is neither")).to_be_visible()


def test_a_lora_dropped_on_the_tab_is_stored(page: Page) -> None:
    tab = library(page)
    page.route("**/live-lora/upload?*", lambda route: route.fulfill(json={"name": "mine"}))
    with page.expect_request("**/live-lora/upload?*") as sent:
        page.evaluate(DROP, [tab.element_handle(), "mine.safetensors", ""])
    assert sent.value.headers["content-type"] == "application/x-safetensors"
    assert "name=mine.safetensors" in sent.value.url
    expect(tab.get_by_text("mine is in the library.")).to_be_visible()


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


def test_pictures_above_the_level_are_blurred(visit: Open) -> None:
    page = visit([lora("mild", preview=1, nsfw="R"), lora("strong", preview=1, nsfw="X")])
    tab = library(page)
    blur = "it => getComputedStyle(it).filter"
    assert cell(tab, "mild").locator("img").evaluate(blur) == "none"
    assert "blur" in cell(tab, "strong").locator("img").evaluate(blur)
    tab.get_by_role("button", name="Details of strong").click()
    large = tab.locator(".live-lora-large")
    assert "blur" in large.evaluate(blur)
