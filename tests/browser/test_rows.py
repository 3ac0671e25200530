"""Rows that know what the program knows: problems with their fixes, chips, editors, many rows."""

from __future__ import annotations

import pytest

from .conftest import LORAS, Open, lora, missing
from .page_parts import assert_generates, prompt, rows, slider

try:
    from playwright.sync_api import Locator, Page, expect
except ImportError:
    missing("playwright is not installed")


def chip(page: Page, name: str) -> Locator:
    return rows(page).get_by_role("button", name=name, exact=True)


def point(page: Page, number: int) -> Locator:
    return rows(page).get_by_role("slider", name=f"Point {number} of")


@pytest.mark.parametrize(
    ("text", "trouble", "use", "after"),
    [
        (
            "🦊 é <lora:ghibli:0.8:stop=40%> b",
            "found '40%'",
            "Write 0.4 instead",
            "🦊 é <lora:ghibli:0.8:stop=0.4> b",
        ),
        ("<lora:ghibli:0,5>", "found '0,5'", "Write 0.5 instead", "<lora:ghibli:0.5>"),
        ("<lora:ghibli:xx=3>", "'xx' is not an argument", "Take out xx=3", "<lora:ghibli>"),
        ("a <lora:ghibli:0.5 b", "not closed", "Put > after 0.5", "a <lora:ghibli:0.5> b"),
        ("<lora:ghi< b:1>", "quotation marks", "Write \\< instead", "<lora:ghi\\< b:1>"),
    ],
)
def test_a_mistake_is_mended_at_a_click(
    page: Page, text: str, trouble: str, use: str, after: str
) -> None:
    area = prompt(page)
    area.fill(text)
    expect(rows(page).get_by_text(trouble)).to_be_visible()
    chip(page, use).focus()
    page.keyboard.press("Enter")
    expect(area).to_have_value(after)
    expect(rows(page).get_by_text(trouble)).to_be_hidden()
    assert page.evaluate("document.activeElement !== document.body"), "the keyboard's place"
    area.press("Control+z")
    expect(area).to_have_value(text)
    area.press("Control+Shift+z")
    assert_generates(page, after)


def test_what_has_no_name_has_a_row(page: Page) -> None:
    area = prompt(page)
    area.fill("a <lora::1> b")
    expect(rows(page).get_by_text("Expected the name of a LoRA.")).to_be_visible()
    chip(page, "Remove <lora::1>").click()
    expect(area).to_have_value("a b")
    expect(rows(page)).to_be_hidden()


def test_a_problem_follows_its_tag_while_the_text_around_it_changes(page: Page) -> None:
    area = prompt(page)
    area.fill("<lora:ghibli:stop=40%> <lora::1>")
    expect(rows(page).get_by_text("found '40%'")).to_be_visible()
    page.route("**/live-lora/explain", lambda route: route.abort())
    area.press("Home")
    area.press_sequentially("a fox ")
    expect(rows(page).get_by_text("found '40%'")).to_be_visible()
    chip(page, "Write 0.4 instead").click()
    expect(area).to_have_value("a fox <lora:ghibli:stop=0.4> <lora::1>")
    chip(page, "Remove <lora::1>").click()
    expect(area).to_have_value("a fox <lora:ghibli:stop=0.4>")


def test_every_argument_has_a_chip_in_words(page: Page) -> None:
    tag = "lbw=OUTD:hr=0.4:only=cond:dyn=8:start=0.2:hash=0123456789:sweep=0;1:seed=same"
    prompt(page).fill(f"<lora:ghibli:0.8:{tag}>")
    for words in (
        "blocks: BASE 1, OUT03–OUT06 1, others 0",
        "hires pass: 0.4",
        "only on the positive side",
        "first 8 ranks only",
        "from 20 %",
        "file with hash 0123456789",
        "pictures in turn: 0, 1",
        "one seed for all pictures",
    ):
        expect(chip(page, words)).to_be_visible()


def test_a_sweep_shows_no_number_that_it_does_not_use(page: Page) -> None:
    area = prompt(page)
    area.fill("<lora:ghibli:sweep=0;0.5;1>")
    expect(chip(page, "pictures in turn: 0, 0.5, 1")).to_be_visible()
    expect(rows(page).get_by_role("slider")).to_have_count(0)
    area.fill("<lora:ghibli:0.5:sweep=0;1>")
    expect(slider(rows(page), "ghibli")).to_have_value("0.5")
    expect(rows(page).get_by_text("times")).to_be_visible()


def test_a_chip_opens_its_editor(page: Page) -> None:
    area = prompt(page)
    area.fill("é <lora:ghibli:0.8:stop=0.4:only=cond> b")
    until = chip(page, "until 40 %")
    until.click()
    expect(until).to_have_attribute("aria-expanded", "true")
    editor = rows(page).get_by_role("group", name="Stop earlier of ghibli")
    field = editor.get_by_role("textbox")
    field.fill("8")
    field.press("Enter")
    expect(area).to_have_value("é <lora:ghibli:0.8:stop=8:only=cond> b")
    expect(chip(page, "until 8 steps are done")).to_be_visible()
    editor.get_by_role("button", name="Remove").click()
    expect(area).to_have_value("é <lora:ghibli:0.8:only=cond> b")
    expect(editor).to_be_hidden()
    chip(page, "only on the positive side").press("Enter")
    rows(page).get_by_role("combobox", name="Where it acts").select_option("the negative side")
    expect(area).to_have_value("é <lora:ghibli:0.8:only=uncond> b")
    page.keyboard.press("Escape")
    expect(chip(page, "only on the negative side")).to_be_focused()
    assert_generates(page, "é <lora:ghibli:0.8:only=uncond> b")


def test_what_a_tag_has_not_can_be_added(page: Page) -> None:
    area = prompt(page)
    area.fill("<lora:ghibli:0.8>")
    chip(page, "Add to ghibli").click()
    chip(page, "Curve over the steps").click()
    expect(area).to_have_value("<lora:ghibli:0.8:unet=0@0;0.8@0.5>")
    expect(point(page, 1)).to_be_focused()
    chip(page, "Add to ghibli").click()
    expect(chip(page, "Curve over the steps")).to_be_hidden()
    chip(page, "First ranks only").click()
    expect(area).to_have_value("<lora:ghibli:0.8:unet=0@0;0.8@0.5:dyn=8>")
    expect(rows(page).get_by_role("spinbutton", name="How many ranks")).to_be_focused()


# The curve editor


def test_points_are_moved_with_the_keyboard(page: Page) -> None:
    area = prompt(page)
    area.fill("é <lora:ghibli:0@0;1@0.5 smooth> b")
    chip(page, "0@0;1@0.5 smooth").click()
    last = point(page, 2)
    expect(last).to_have_attribute("aria-valuetext", "1 at 50 %")
    last.press("ArrowDown")
    expect(area).to_have_value("é <lora:ghibli:0@0;0.95@0.5 smooth> b")
    last.press("ArrowLeft")
    expect(area).to_have_value("é <lora:ghibli:0@0;0.95@0.45 smooth> b")
    expect(last).to_be_focused()
    last.press("Enter")
    expect(point(page, 2)).to_be_focused()
    point(page, 2).press("Delete")
    expect(area).to_have_value("é <lora:ghibli:0@0;0.95@0.45 smooth> b")
    area.press("Control+z")
    area.press("Control+z")
    area.press("Control+z")
    expect(area).to_have_value("é <lora:ghibli:0@0;0.95@0.5 smooth> b")
    expect(point(page, 2)).to_have_attribute("aria-valuetext", "0.95 at 50 %")


def test_points_are_dragged_and_that_is_one_step_of_undo(page: Page) -> None:
    area = prompt(page)
    area.fill("<lora:ghibli:0@0;1@0.5>")
    chip(page, "0@0;1@0.5").click()
    expect(rows(page).get_by_text("text encoder", exact=False)).to_be_visible()
    plot = rows(page).locator(".live-lora-plot").bounding_box()
    assert plot is not None
    assert plot["width"] > 500, "another style sheet has a say in it"
    page.mouse.move(plot["x"] + plot["width"] / 2, plot["y"])
    page.mouse.down()
    for part in (0.6, 0.7, 0.75):
        page.mouse.move(plot["x"] + plot["width"] * part, plot["y"] + plot["height"] / 2)
        expect(area).to_have_value("<lora:ghibli:0@0;1@0.5>")
    page.mouse.up()
    expect(area).to_have_value("<lora:ghibli:0@0;0.5@0.75>")
    area.press("Control+z")
    expect(area).to_have_value("<lora:ghibli:0@0;1@0.5>")


def test_the_numbers_of_a_point(page: Page) -> None:
    area = prompt(page)
    area.fill("<lora:ghibli:0@0;1@8>")
    chip(page, "0@0;1@8").click()
    point(page, 2).focus()
    editor = rows(page).get_by_role("group", name="Curve of ghibli")
    place = editor.get_by_role("spinbutton", name="Place")
    expect(place).to_have_value("8")
    place.fill("12")
    place.press("Enter")
    expect(area).to_have_value("<lora:ghibli:0@0;1@12>")
    editor.get_by_role("combobox", name="Way to this point").select_option("hold")
    expect(area).to_have_value("<lora:ghibli:0@0;1@12 hold>")
    editor.get_by_role("button", name="Plain number").click()
    expect(area).to_have_value("<lora:ghibli:1>")
    expect(slider(rows(page), "ghibli")).to_have_value("1")


def test_a_matter_of_course_is_no_problem(page: Page) -> None:
    prompt(page).fill("<lora:ghibli:0@0;1@0.5> <lora:sharp:1>")
    expect(rows(page).get_by_text("text encoder", exact=False)).to_have_count(1)
    expect(rows(page).get_by_role("status")).to_have_text("2 LoRAs")


# The block editor


def test_blocks_and_elements_have_sliders(page: Page) -> None:
    area = prompt(page)
    area.fill("é <lora:ghibli:0.8:lbw=OUTD> b")
    chip(page, "blocks: BASE 1, OUT03–OUT06 1, others 0").click()
    editor = rows(page).get_by_role("group", name="Block weights of ghibli")
    expect(editor.get_by_role("combobox", name="Preset")).to_have_value("OUTD")
    editor.get_by_role("slider", name="OUT06").press("ArrowLeft")
    expect(area).to_have_value("é <lora:ghibli:0.8:lbw=OUT03-OUT05@1;OUT06@0.95> b")
    editor.get_by_role("button", name="Set cross-attention").click()
    expect(area).to_have_value("é <lora:ghibli:0.8:lbw=OUT03-OUT05@1;OUT06@0.95;cross@0.5> b")
    editor.get_by_role("slider", name="cross-attention").press("ArrowRight")
    editor.get_by_role("button", name="Leave cross-attention to its block").click()
    editor.get_by_role("combobox", name="Preset").select_option("MIDD")
    expect(area).to_have_value("é <lora:ghibli:0.8:lbw=MIDD> b")
    expect(editor.get_by_role("slider", name="IN05")).to_have_value("1")
    area.press("Control+z")
    expect(editor.get_by_role("slider", name="IN05")).to_have_value("0")
    assert_generates(page, "é <lora:ghibli:0.8:lbw=OUT03-OUT05@1;OUT06@0.95> b")


def test_block_weights_that_are_finer_than_sliders_stay_text(page: Page) -> None:
    area = prompt(page)
    area.fill("<lora:ghibli:lbw=IN04.cross@0.3>")
    chip(page, "blocks: IN04 cross 0.3, others 0").click()
    editor = rows(page).get_by_role("group", name="Block weights of ghibli")
    expect(editor.get_by_text("Finer than sliders can show")).to_be_visible()
    field = editor.get_by_role("textbox")
    field.fill("IN04@0.3")
    field.press("Enter")
    expect(editor.get_by_role("slider", name="IN04")).to_have_value("0.3")


# Many rows


def test_many_rows_are_folded_and_scaled_together(page: Page) -> None:
    area = prompt(page)
    text = " ".join(f"<lora:ghibli:{number}>" for number in (1, 0.5, "0@0;1@1", 1, 1, 1, 1))
    area.fill(f"a {text} b")
    panel = rows(page)
    expect(panel.get_by_role("listitem").filter(visible=True)).to_have_count(4)
    chip(page, "Show 3 more").click()
    expect(panel.get_by_role("listitem").filter(visible=True)).to_have_count(7)
    chip(page, "Show fewer").click()
    expect(panel.get_by_role("listitem").filter(visible=True)).to_have_count(4)
    chip(page, "All × 0.9").click()
    numbers = (0.9, 0.45, "0@0;0.9@1", 0.9, 0.9, 0.9, 0.9)
    scaled = " ".join(f"<lora:ghibli:{number}>" for number in numbers)
    expect(area).to_have_value(f"a {scaled} b")
    area.press("Control+z")
    expect(area).to_have_value(f"a {text} b")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_editors_on_a_narrow_page_with_fingers(visit: Open, scheme: str) -> None:
    page = visit(
        LORAS,
        f"?__theme={scheme}",
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
    )
    area = prompt(page)
    area.fill("<lora:ghibli:0@0;1@0.5:lbw=OUTD>" + " <lora:sharp:1>" * 3)
    expect(rows(page).get_by_role("listitem").filter(visible=True)).to_have_count(2)
    for name in ("0@0;1@0.5", "blocks: BASE 1, OUT03–OUT06 1, others 0"):
        chip(page, name).tap()
        expect(chip(page, name)).to_have_attribute("aria-expanded", "true")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_closes_an_editor_stays_in_its_corner(visit: Open) -> None:
    """On one line with what removes the argument, and at its end, however long the title is."""
    page = visit(LORAS, viewport={"width": 390, "height": 844})
    prompt(page).fill("<lora:ghibli:1:mask=left>")
    chip(page, "in the left half").click()
    remove, close = (chip(page, name).bounding_box() for name in ("Remove", "Close"))
    assert remove, "it is seen"
    assert close, "it is seen"
    assert close["x"] >= remove["x"] + remove["width"]
    assert close["y"] < remove["y"] + remove["height"]


HOSTILE = ['"<img src=x onerror=alert(1)>"', "日本語 🦊", "x" * 300, "{{ 7*7 }}", "'; throw 1; //"]


def test_hostile_text_is_only_text(visit: Open) -> None:
    page = visit([lora(name.strip('"')) for name in HOSTILE])
    area = prompt(page)
    for name in HOSTILE:
        text = f"<lora:{name}:xx={name}:stop={name}> <lora:<b>{name}"
        area.fill(text)
        expect(rows(page).locator(".live-lora-trouble").first).to_be_visible()
        expect(area).to_have_value(text)
    assert page.locator(".live-lora").locator("b, script, [src=x], [onerror]").count() == 0


def test_rows_work_where_the_program_does_not_answer(page: Page) -> None:
    page.route("**/live-lora/explain", lambda route: route.abort())
    area = prompt(page)
    area.fill("<lora:ghibli:0.5:stop=0.4>")
    expect(chip(page, "stop=0.4")).to_be_visible()
    slider(rows(page), "ghibli").press("ArrowRight")
    expect(area).to_have_value("<lora:ghibli:0.55:stop=0.4>")


def test_typing_asks_nothing_until_it_rests(page: Page) -> None:
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "explain" in request.url else 0)
    area = prompt(page)
    area.press_sequentially("<lora:ghibli:0.5:stop=0.4> and a fox in the snow", delay=20)
    expect(chip(page, "until 40 %")).to_be_visible()
    assert len(asked) < 5  # of 49 keys: the machine may pause between two


COMMENTS = """<p class="comments">Another extension says &lt;b&gt;this&lt;/b&gt;<br>
Live LoRA, left out: no LoRA is named '&lt;img src=x&gt;'<br>
Live LoRA, ran: neon: added to 192 unet layers<br>
Live LoRA: a note</p>"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_under_a_webuis_picture_what_was_lost_stands_apart(visit: Open, scheme: str) -> None:
    page = visit(LORAS, f"?__theme={scheme}")
    page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", COMMENTS)
    block = page.locator("p.comments")
    lost = block.locator("section").filter(
        has=page.get_by_role("heading", name="Left out of the picture")
    )
    expect(lost).to_contain_text("no LoRA is named '<img src=x>'")
    text = block.evaluate("it => getComputedStyle(it).color")
    assert lost.locator("p").evaluate("it => getComputedStyle(it).color") != text
    expect(block.get_by_text("added to 192 unet layers")).to_be_hidden()
    block.get_by_text("What ran: neon").click()
    expect(block.get_by_text("added to 192 unet layers")).to_be_visible()
    expect(block).to_contain_text("Another extension says <b>this</b>")
    assert block.locator("b, img").count() == 0
