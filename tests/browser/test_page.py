"""The rows under a prompt and the LoRA tab, as a user meets them; found by role and name."""

from __future__ import annotations

import re

import pytest

from .conftest import LORAS, Open, lora, missing

try:
    from playwright.sync_api import Locator, Page, expect
except ImportError:
    missing("playwright is not installed")


def prompt(page: Page, name: str = "txt2img_prompt") -> Locator:
    return page.locator(f"#{name} textarea")


def rows(page: Page, name: str = "txt2img") -> Locator:
    return page.get_by_role("group", name=f"LoRAs in {name}", exact=True)


def slider(within: Page | Locator, name: str) -> Locator:
    return within.get_by_role("slider", name=f"{name} weight", exact=True)


def open_tab(page: Page, name: str) -> None:
    """gradio 3's tabs are buttons without a role; gradio 6 has hidden doubles of them."""
    tab = page.get_by_role("tab", name=name, exact=True)
    button = page.locator("#tabs > .tab-nav > button", has_text=re.compile(f"^\\s*{name}\\s*$"))
    tab.or_(button).first.click()


def library(page: Page) -> Locator:
    """The LoRA tab, opened."""
    open_tab(page, "LoRA")
    tab = page.get_by_role("region", name="LoRA library")
    expect(tab).to_be_visible()
    return tab


def card(tab: Locator, name: str) -> Locator:
    return tab.get_by_role("gridcell").get_by_role("button", name=name, exact=True)


def cell(tab: Locator, name: str) -> Locator:
    """The whole card."""
    return tab.get_by_role("gridcell").filter(
        has=tab.page.get_by_role("button", name=name, exact=True)
    )


def names(tab: Locator) -> list[str | None]:
    """The cards that exist, in order."""
    cards = tab.locator("[role=gridcell] > button .live-lora-title").all()
    return [each.text_content() for each in cards]


def assert_generates(page: Page, text: str) -> None:
    """Python gets the prompt as it stands on the page."""
    open_tab(page, "txt2img")
    page.locator("#txt2img_generate").click()
    expect(page.get_by_label("Seen by Python").first).to_have_value(text)


def selection(area: Locator) -> list[int]:
    answer: list[int] = area.evaluate("area => [area.selectionStart, area.selectionEnd]")
    return answer


# Rows under a prompt


def test_rows_say_what_the_prompt_says(page: Page) -> None:
    prompt(page).fill("a fox <lora:ghibli:0.8> <lora:sharp:-0.4:on=0> <lora:ghibli:0.5:0.9>")
    panel = rows(page)
    expect(panel.get_by_role("listitem")).to_have_count(3)
    expect(slider(panel, "ghibli")).to_have_value("0.8")
    expect(slider(panel, "sharp")).to_have_value("-0.4")
    expect(panel.get_by_role("switch", name="sharp on")).not_to_be_checked()
    expect(slider(panel, "ghibli te")).to_have_value("0.5")
    expect(slider(panel, "ghibli unet")).to_have_value("0.9")
    expect(panel.get_by_role("switch", name="ghibli on").first).to_be_checked()


def test_the_panel_is_there_only_with_tags(page: Page) -> None:
    expect(rows(page)).to_be_hidden()
    prompt(page).fill("<lora:ghibli>")
    expect(rows(page)).to_be_visible()
    prompt(page).fill("a fox")
    expect(rows(page)).to_be_hidden()


def test_a_slider_writes_its_number_and_nothing_else(page: Page) -> None:
    area = prompt(page)
    area.fill("a,  <lora:ghibli:0.80:lbw=INS> , <lora:ghibli:1> é")
    area.evaluate("area => area.setSelectionRange(45, 45)")
    first = slider(rows(page), "ghibli").first
    first.focus()
    first.press("ArrowRight")
    expect(area).to_have_value("a,  <lora:ghibli:0.85:lbw=INS> , <lora:ghibli:1> é")
    expect(first).to_be_focused()
    first.press("ArrowRight")
    expect(area).to_have_value("a,  <lora:ghibli:0.9:lbw=INS> , <lora:ghibli:1> é")
    assert selection(area) == [44, 44]  # one character less before the caret
    assert_generates(page, "a,  <lora:ghibli:0.9:lbw=INS> , <lora:ghibli:1> é")


def test_text_encoder_and_unet_have_a_slider_each(page: Page) -> None:
    area = prompt(page)
    area.fill("<lyco:ghibli:0.5:unet=0.9>")
    slider(rows(page), "ghibli unet").press("ArrowRight")
    expect(area).to_have_value("<lyco:ghibli:0.5:unet=0.95>")
    slider(rows(page), "ghibli te").press("ArrowLeft")
    expect(area).to_have_value("<lyco:ghibli:0.45:unet=0.95>")


def test_editing_the_prompt_moves_the_slider(page: Page) -> None:
    area = prompt(page)
    area.fill("<lora:ghibli:0.5>")
    control = slider(rows(page), "ghibli")
    area.press("End")
    area.press("ArrowLeft")
    area.press("Backspace")
    area.press_sequentially("75")
    expect(control).to_have_value("0.75")
    area.fill("<lora:ghibli:3.5>")
    expect(control).to_have_value("3.5")
    expect(control).to_have_attribute("aria-valuetext", "3.5")


def test_a_drag_is_one_step_of_undo(page: Page) -> None:
    area = prompt(page)
    area.press_sequentially("x <lora:ghibli:0>")
    control = slider(rows(page), "ghibli")
    box = control.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 3, y)
    page.mouse.down()
    for part in (0.4, 0.5, 0.6, 0.7):
        page.mouse.move(box["x"] + box["width"] * part, y)
        expect(area).to_have_value("x <lora:ghibli:0>")
    page.mouse.up()
    expect(area).not_to_have_value("x <lora:ghibli:0>")
    moved = area.input_value()
    area.press("Control+z")
    expect(area).to_have_value("x <lora:ghibli:0>")
    expect(control).to_have_value("0")
    area.press("Control+Shift+z")
    expect(area).to_have_value(moved)


def test_a_typed_number_may_be_finer_and_further_than_the_slider(page: Page) -> None:
    area = prompt(page)
    area.fill("<lora:ghibli>")
    number = rows(page).get_by_role("spinbutton", name="ghibli weight")
    number.fill("-2.125")
    number.press("Enter")
    expect(area).to_have_value("<lora:ghibli:-2.125>")
    expect(slider(rows(page), "ghibli")).to_have_attribute("min", "-3")
    number.fill("")
    number.press("Enter")
    expect(area).to_have_value("<lora:ghibli:-2.125>")
    expect(number).to_have_value("-2.125")


@pytest.mark.parametrize(
    ("text", "key", "after"),
    [
        ("x <lora:ghibli:0.8> y", "ArrowUp", "x <lora:ghibli:0.85> y"),
        ("x <lora:ghibli> y", "ArrowDown", "x <lora:ghibli:0.95> y"),
        ("x <lora:ghibli:0@0,1@0.5> y", "ArrowUp", "x <lora:ghibli:0@0,1@0.5> y"),
    ],
)
def test_control_and_arrows_change_the_weight_at_the_caret(
    page: Page, text: str, key: str, after: str
) -> None:
    area = prompt(page)
    area.press_sequentially(text)
    area.evaluate("area => area.setSelectionRange(10, 10)")
    area.press(f"Control+{key}")
    expect(area).to_have_value(after)
    assert selection(area) == [10, 10]
    if after != text:
        area.press("Control+z")
        expect(area).to_have_value(text)


def test_the_switch_keeps_the_number(page: Page) -> None:
    area = prompt(page)
    area.fill("x <lora:ghibli:0.8:lbw=INS> y <lora:sharp:1>")
    switch = rows(page).get_by_role("switch", name="ghibli on")
    switch.click()
    expect(area).to_have_value("x <lora:ghibli:0.8:lbw=INS:on=0> y <lora:sharp:1>")
    switch.click()
    expect(area).to_have_value("x <lora:ghibli:0.8:lbw=INS> y <lora:sharp:1>")
    rows(page).get_by_role("button", name="All off").click()
    expect(area).to_have_value("x <lora:ghibli:0.8:lbw=INS:on=0> y <lora:sharp:1:on=0>")
    area.press("Control+z")
    expect(area).to_have_value("x <lora:ghibli:0.8:lbw=INS> y <lora:sharp:1>")


def test_a_curve_is_shown_and_left_alone(page: Page) -> None:
    prompt(page).fill("<lora:ghibli:0@0,1@0.5>")
    expect(rows(page).get_by_text("0@0,1@0.5")).to_be_visible()
    expect(rows(page).get_by_role("slider")).to_have_count(0)


@pytest.mark.parametrize(
    ("text", "trouble", "use", "after"),
    [
        ("<lora:foo:1:on=1>", "No LoRA has this name", "foo_v2", "<lora:foo_v2:1:on=1>"),
        ("<lora:same>", "Several files", "b/same", "<lora:b/same>"),
    ],
)
def test_a_name_that_leads_nowhere_has_suggestions(
    page: Page, text: str, trouble: str, use: str, after: str
) -> None:
    prompt(page).fill(text)
    expect(rows(page).get_by_text(trouble)).to_be_visible()
    rows(page).get_by_role("button", name=f"Use {use}").click()
    expect(prompt(page)).to_have_value(after)
    expect(rows(page).get_by_text(trouble)).to_be_hidden()


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("<lora:ghibli:abc>", "Expected a number or a curve, found “abc”"),
        ("<lora:ink:1>", "made for SDXL, this is SD 1"),
        ("<lora:qqqqqqq:1>", "No LoRA has this name."),
    ],
)
def test_says_what_is_wrong_with_a_tag(page: Page, text: str, trouble: str) -> None:
    prompt(page).fill(text)
    expect(rows(page).get_by_text(trouble)).to_be_visible()


def test_python_changes_the_prompt_and_the_rows_follow(page: Page) -> None:
    prompt(page).fill("x <lora:ghibli:1>")
    page.locator("#txt2img_style").click()
    expect(rows(page).get_by_role("listitem")).to_have_count(2)
    expect(slider(rows(page), "ghibli").last).to_have_value("0.3")
    page.locator("#txt2img_clear").click()
    expect(rows(page)).to_be_hidden()


def test_remove_keeps_the_keyboard_where_it_was(page: Page) -> None:
    area = prompt(page)
    area.fill("x <lora:ghibli:1> <lora:sharp:1>")
    page.get_by_role("button", name="Remove ghibli").press("Enter")
    expect(area).to_have_value("x <lora:sharp:1>")
    expect(page.get_by_role("button", name="Remove sharp")).to_be_focused()
    page.keyboard.press("Enter")
    expect(area).to_have_value("x")
    expect(area).to_be_focused()


def test_a_prompt_in_a_plain_column_has_rows_too(page: Page) -> None:
    open_tab(page, "app")
    prompt(page, "app").fill("<lora:sharp:0.5>")
    control = slider(rows(page, "App prompt"), "sharp")
    control.press("ArrowLeft")
    expect(prompt(page, "app")).to_have_value("<lora:sharp:0.45>")


# The tab


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
    tab.get_by_role("combobox", name="Folder").select_option(value="style")
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
    switches = rows(page).get_by_role("switch").all()
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
