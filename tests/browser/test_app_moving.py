"""Weights moved in the app while it draws, and a mask drawn over the last picture."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urljoin

import numpy as np

from .app_program import SLOW, generate, number, pixels, write
from .conftest import missing

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("playwright is not installed")

STEPS = 60


def look(page: Page, name: str) -> None:
    """A screenshot for who asks for one."""
    if folder := os.environ.get("LIVE_LORA_PICTURES"):
        page.screenshot(path=str(Path(folder, f"{name}.png")))


def drawn(page: Page) -> bytes:
    source = page.locator("#pictures img").first.get_attribute("src")
    assert source
    return page.request.get(urljoin(page.url, source)).body()


def test_a_slider_acts_on_the_picture_being_drawn(app: Page) -> None:
    write(app, "a fox <lora:ghibli:0>")
    number(app, "Steps", STEPS)
    number(app, "Seed", 7)
    switch = app.get_by_role("switch", name="Live")
    with app.expect_response(lambda answer: answer.url.endswith("/moving")):
        switch.check()
    app.get_by_role("button", name="Generate").click()
    expect(app.locator(".live-lora-at").first).to_contain_text("of 60", timeout=SLOW)
    app.get_by_role("spinbutton", name="ghibli weight").first.fill("1.5")
    app.keyboard.press("Tab")
    acted = app.locator(".live-lora-acted").first
    expect(acted).to_contain_text(re.compile(r"1\.5 from step \d+ on"), timeout=SLOW)
    look(app, "app_live")
    expect(app.locator("#status")).to_contain_text("Done", timeout=SLOW)
    moved = drawn(app)
    found = re.search(rb"<lora:ghibli:[^>]*hold[^>]*>", moved)
    assert found, "the picture's text has the curve"
    expect(app.get_by_label("Prompt", exact=True)).to_have_value("a fox <lora:ghibli:1.5>")
    switch.uncheck()
    again = generate(app, f"a fox {found[0].decode()}", steps=STEPS)
    assert np.abs(pixels(again).astype(int) - pixels(moved)).max() <= 2


def test_a_mask_is_drawn_with_pointer_and_numbers(app: Page) -> None:
    generate(app, "a fox <lora:ghibli:1:mask=left>")
    app.locator(".live-lora-chips button[data-name=mask]").click()
    app.get_by_text("Draw a mask").click()
    canvas = app.locator(".live-lora-mask-drawn")
    expect(app.locator(".live-lora-mask-under")).to_be_visible()
    box = canvas.bounding_box()
    assert box
    x, y, wide, tall = box["x"], box["y"], box["width"], box["height"]
    app.mouse.move(x + wide * 0.2, y + tall * 0.2)
    app.mouse.down()
    app.mouse.move(x + wide * 0.4, y + tall * 0.4, steps=5)
    app.mouse.up()
    for name, value in {"Left, %": 50, "Top, %": 50, "Right, %": 100, "Bottom, %": 100}.items():
        app.get_by_role("spinbutton", name=name).fill(str(value))
    app.get_by_role("button", name="Add this box").click()
    look(app, "app_mask")
    app.get_by_label("Name of the mask picture").fill("drawn here")
    app.get_by_role("button", name="Keep and use").click()
    prompt = app.get_by_label("Prompt", exact=True)
    expect(prompt).to_have_value(re.compile(r"mask=drawn here"))
    kept = app.request.get(urljoin(app.url, "live-lora/mask?name=drawn here"))
    light = pixels(kept.body())[..., :3].max(axis=-1)
    height, width = light.shape
    assert light[height * 3 // 4, width * 3 // 4] == 255
    assert light[int(height * 0.3), int(width * 0.3)] == 255
    assert light[height * 3 // 4, width // 4] == 0
    masked = generate(app, prompt.input_value())
    assert b"Live LoRA masks" in masked
