"""The rows under a prompt, as a user meets them; found by role and name."""

from __future__ import annotations

import pytest

from .conftest import Open, missing
from .page_parts import assert_generates, open_tab, prompt, rows, selection, slider

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("playwright is not installed")


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


def test_on_a_phone_the_count_stays_on_one_line(visit: Open) -> None:
    page = visit(viewport={"width": 390, "height": 844})
    prompt(page).fill("<lora:ghibli:1> <lora:sharp:1> <lora:nowhere:1> <lora:ghibli:oops>")
    count = rows(page).get_by_role("status").first
    expect(count).to_have_text("4 LoRAs, 2 with a problem")
    box = count.bounding_box()
    assert box is not None
    assert box["height"] < 24
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
