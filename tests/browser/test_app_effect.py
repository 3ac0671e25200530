"""How strongly a LoRA acts, in the app: of a file without a run, of a run, and block by block."""

from __future__ import annotations

import re

from .app_program import SLOW, generate
from .conftest import missing

try:
    from playwright.sync_api import Locator, Page, expect
except ImportError:
    missing("playwright is not installed")

NUMBER = re.compile(r"^\d+\.\d{3}$")


def measured(app: Page) -> Locator:
    """The map under a picture that was just drawn, unfolded."""
    app.get_by_role("checkbox", name="Measure how strongly each LoRA acts").check()
    generate(app, "a fox <lora:ghibli:1>")
    maps = app.locator(".live-lora-maps")
    maps.locator("summary").click()
    return maps


def test_a_file_against_the_model(app: Page) -> None:
    tab = app.get_by_role("region", name="LoRA library")
    tab.get_by_role("button", name="Details of ghibli").click()
    details = tab.get_by_role("complementary", name="Details")
    details.get_by_role("button", name="Compare with the model's weights").click()
    table = details.get_by_role("table").filter(has_text="‖ΔW‖")
    rows = table.get_by_role("row")
    expect(rows.nth(1).get_by_role("rowheader")).to_have_text("All layers")
    expect(rows.nth(1).get_by_role("cell")).to_have_text(NUMBER)
    blocks = table.get_by_role("rowheader").all_text_contents()[1:]
    assert "M00" in blocks
    assert all(re.fullmatch(r"BASE|(IN|OUT|M)\d\d|other", block) for block in blocks), blocks


def test_a_block_of_the_map_sets_its_weight(app: Page) -> None:
    maps = measured(app)
    table = maps.get_by_role("table", name=re.compile("^ghibli: blocks by steps"))
    expect(table.get_by_role("row")).not_to_have_count(0)
    maps.get_by_role("button", name="Set the weight of M00").click()
    maps.get_by_role("spinbutton", name="Weight of M00").fill("0.4")
    app.keyboard.press("Tab")
    prompt = app.get_by_label("Prompt", exact=True)
    expect(prompt).to_have_value(re.compile(r"lbw=.*M00@0\.4"))


def test_the_picture_without_each_block(app: Page) -> None:
    """One click: the whole picture and one without each block, of one seed, side by side."""
    maps = measured(app)
    named = maps.get_by_role("button", name=re.compile("^Set the weight of ")).all_text_contents()
    maps.get_by_role("button", name="Draw without each block of ghibli").click()
    captions = app.locator("#pictures figcaption")
    expect(captions).to_have_count(1 + len(named), timeout=SLOW)
    expect(app.locator("#status")).to_contain_text("Done", timeout=SLOW)
    found = [text.split()[-1] for text in captions.all_text_contents()]
    assert found == ["none", *named]
    listed = re.escape(";".join(["none", *named]))
    prompt = app.get_by_label("Prompt", exact=True)
    expect(prompt).to_have_value(re.compile(f"without={listed}:seed=same"))
    sources = {one.get_attribute("src") for one in app.locator("#pictures img").all()}
    assert len(sources) == 1 + len(named)
