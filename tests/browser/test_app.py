"""The app's own page in a real browser: from a prompt to a picture, on a random model."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

import numpy as np
import pytest

from .app_program import SLOW, generate, number, pixels, ready, temp, write
from .conftest import missing

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("playwright is not installed")


def test_a_tag_changes_the_picture(app: Page) -> None:
    plain = generate(app, "a fox")
    app.reload()
    ready(app)
    tagged = generate(app, "a fox <lora:ghibli:1>")
    assert b"a fox <lora:ghibli:1>" in tagged, "a PNG that says how it was made"
    assert not np.array_equal(pixels(plain), pixels(tagged))
    app.locator("#report summary").click()
    row = app.locator("#report").get_by_role("row").filter(has_text="ghibli")
    expect(row).to_contain_text(re.compile(r"\d+ UNet layers, \d+ text encoder layers"))


@pytest.mark.parametrize("key", ["Control+Enter", "Shift+Enter"])
def test_the_keyboard_draws(app: Page, key: str) -> None:
    write(app, "a fox")
    number(app, "Steps", 2)
    app.get_by_label("Prompt", exact=True).press(key)
    expect(app.locator("#status")).to_contain_text("Done", timeout=SLOW)
    expect(app.get_by_label("Prompt", exact=True)).to_have_value("a fox")


def test_progress_and_preview_come_before_the_picture(app: Page) -> None:
    write(app, "a fox")
    number(app, "Steps", 60)
    app.get_by_role("button", name="Generate").click()
    bar = app.get_by_role("progressbar")
    expect(bar).to_have_attribute("max", "60", timeout=SLOW)
    expect(app.locator("#pictures img").first).to_be_visible(timeout=SLOW)
    assert bar.is_visible(), "a preview is there while it draws"
    app.get_by_role("button", name="Stop").click()
    expect(app.locator("#status")).to_contain_text("Stopped early", timeout=SLOW)


def test_several_pictures(app: Page) -> None:
    number(app, "Pictures", 3)
    generate(app, "a fox")
    expect(app.locator("#pictures figure img")).to_have_count(3)


def test_a_sweep_draws_a_picture_for_each_value(app: Page) -> None:
    generate(app, "a fox <lora:ghibli:sweep=0;0.5;1>")
    captions = app.locator("#pictures figcaption")
    expect(captions).to_have_text(["ghibli 0", "ghibli 0.5", "ghibli 1"])
    sources = [one.get_attribute("src") or "" for one in app.locator("#pictures img").all()]
    drawn = [pixels(app.request.get(urljoin(app.url, one)).body()) for one in sources]
    assert not np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[1], drawn[2])
    assert {re.search(r"-\d{6}-(\d+)(-\d+)?\.png$", one)[1] for one in sources} == {"7"}  # type: ignore[index]


def test_what_was_lost_is_seen_first_and_what_ran_is_folded(app: Page) -> None:
    generate(app, "a fox <lora:gibli:1> <lora:ghibli:0.8>")
    lost = app.locator("#report .live-lora-lost")
    expect(lost.get_by_role("heading")).to_have_text("Left out of the picture")
    expect(lost).to_contain_text("no LoRA is named 'gibli'", ignore_case=True)
    expect(app.locator("#report table")).to_be_hidden()
    app.locator("#report summary").click()
    expect(app.locator("#report table")).to_be_visible()


def test_problems_are_shown_where_they_are(app: Page) -> None:
    generate(app, "a fox <lora:gibli:1>")
    report = app.locator("#report")
    expect(report).to_contain_text("no LoRA is named 'gibli'", ignore_case=True)
    expect(report).to_contain_text("did you mean 'ghibli'")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_marked_place_can_be_read(app: Page, address: str, theme: str) -> None:
    """Dark letters on yellow in either theme: WCAG asks for a contrast of 4.5."""
    app.goto(f"{address}?__theme={theme}")
    ready(app)
    generate(app, "a fox <lora:gibli:1>")
    mark = app.locator("#report mark").first
    style = "it => [getComputedStyle(it).color, getComputedStyle(it).backgroundColor]"
    dark, light = sorted(map(luminance, mark.evaluate(style)))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """Relative luminance of "rgb(r, g, b)" (WCAG 2.2)."""
    values = [int(one) / 255 for one in re.findall(r"\d+", colour)[:3]]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_cards_put_tags_in_and_out(app: Page) -> None:
    write(app, "a fox")
    tab = app.get_by_role("region", name="LoRA library")
    card = tab.get_by_role("gridcell").get_by_role("button", name="ghibli", exact=True)
    card.click()
    prompt = app.get_by_label("Prompt", exact=True)
    expect(prompt).to_have_value(re.compile(r"a fox.*<lora:ghibli:1>"))
    weight = tab.get_by_role("slider", name="ghibli weight")
    weight.press("ArrowLeft")
    expect(prompt).to_have_value(re.compile(r"<lora:ghibli:0\.95>"))
    card.click()
    expect(prompt).not_to_have_value(re.compile("lora"))


def test_rows_under_the_prompt(app: Page) -> None:
    write(app, "a fox <lora:ghibli:0.8>")
    panel = app.get_by_role("group", name="LoRAs in Prompt", exact=True)
    expect(panel.get_by_role("slider", name="ghibli weight")).to_have_value("0.8")


def test_previews_leave_nothing_on_the_disk(app: Page, app_folder: Path) -> None:
    generate(app, "a fox", steps=30)
    left = [path for path in temp(app_folder).rglob("*") if path.suffix in (".png", ".webp")]
    assert left == []


def test_a_reload_keeps_the_form_and_the_pictures(app: Page) -> None:
    first = generate(app, "a fox and a bird", steps=3, seed=11)
    app.reload()
    ready(app)
    expect(app.get_by_label("Prompt", exact=True)).to_have_value("a fox and a bird")
    expect(app.get_by_role("spinbutton", name="Steps")).to_have_value("3")
    expect(app.get_by_role("spinbutton", name="Seed")).to_have_value("11")
    address = app.locator("#pictures img").first.get_attribute("src")
    assert address
    assert app.request.get(urljoin(app.url, address)).body() == first


def test_a_reload_in_the_middle_keeps_the_form(app: Page) -> None:
    write(app, "a fox <lora:ghibli:0.6>")
    number(app, "Steps", 120)
    app.get_by_role("button", name="Generate").click()
    expect(app.locator("#status")).to_contain_text("Step", timeout=SLOW)
    app.reload()
    ready(app)
    expect(app.get_by_label("Prompt", exact=True)).to_have_value("a fox <lora:ghibli:0.6>")
    panel = app.get_by_role("group", name="LoRAs in Prompt", exact=True)
    expect(panel.get_by_role("slider", name="ghibli weight")).to_have_value("0.6")


def test_stop_is_for_ones_own_drawing(app: Page, address: str) -> None:
    """Two windows: the one whose order waits takes it back, the other's drawing goes on."""
    other = app.context.new_page()
    other.goto(address)
    ready(other)
    for page, steps in ((app, 150), (other, 2)):
        write(page, "a fox")
        number(page, "Steps", steps)
        page.get_by_role("button", name="Generate").click()
        if page is app:
            expect(app.locator("#status")).to_contain_text("Step", timeout=SLOW)
    expect(other.locator("#status")).to_contain_text("Waiting for the drawing before this one")
    other.get_by_role("button", name="Stop").click()
    expect(app.locator("#status")).to_contain_text("Step")
    app.get_by_role("button", name="Stop").click()
    expect(app.locator("#status")).to_contain_text("Stopped early", timeout=SLOW)
    expect(other.locator("#status")).to_contain_text("Taken back", timeout=SLOW)
    other.close()
