"""The app's further settings in a real browser: a webui's text, hires fix, image to image."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .conftest import missing
from .test_app import SLOW
from .test_app import address as address
from .test_app import app as app

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("playwright is not installed")
if TYPE_CHECKING:
    from playwright.sync_api import Locator

# Written by a real webui 1.10.1.
REAL = """a (red:1.2) fox <lora:ghibli:0.5>
Negative prompt: ugly
Steps: 4, Sampler: Euler, Schedule type: Karras, CFG scale: 5.0, Seed: 12, Size: 64x64, \
Model hash: 6667b9dfa2, Model: small-a, Denoising strength: 0.6, Hires upscale: 1.5, \
Hires steps: 3, Hires upscaler: Latent, Hires prompt: "an owl, <lora:ghibli:0.5>", \
Hires negative prompt: "ugly, bad", Hires sampler: DPM++ SDE, Hires schedule type: Karras, \
Lora hashes: "ghibli: 09f5d8a2de63", TI hashes: "old: ab12ab12ab12", Emphasis: No norm, \
Clip skip: 2, Version: 1.10.1"""


def box(app: Page, label: str) -> Locator:
    return app.get_by_label(label, exact=True).first


def choose(app: Page, button: Locator, file: Any) -> None:
    """Clicks, and answers the browser's question for a file."""
    with app.expect_file_chooser() as asked:
        button.click()
    asked.value.set_files(file)


def look(app: Page, name: str) -> None:
    """A screenshot, where somebody wants to look at it."""
    if folder := os.environ.get("SCREENSHOTS"):
        app.screenshot(path=Path(folder, f"{name}.png"), full_page=True)


def test_the_text_of_a_webuis_picture_becomes_the_form(app: Page) -> None:
    """Pasted as text, and as a picture; then drawn, with hires fix."""
    box(app, "Prompt").fill(REAL)
    app.locator("#read").click()
    expect(app.locator("#status")).to_contain_text("Settings read")
    expect(box(app, "Prompt")).to_have_value("a (red:1.2) fox <lora:ghibli:0.5>")
    expect(box(app, "Negative prompt")).to_have_value("ugly")
    expect(app.locator("#tokens")).to_contain_text("3/75")
    expect(app.locator("#sampler input")).to_have_value("Euler")
    expect(app.locator("#schedule input")).to_have_value("Karras")
    expect(app.locator("#status")).to_contain_text("the embedding 'old' is not here")
    look(app, "read")
    app.locator("#generate").click()
    expect(app.locator("#status")).to_contain_text("Done", timeout=SLOW)
    expect(app.locator("#status")).to_contain_text("seed 12")
    width = "document.querySelector('#pictures img').naturalWidth"
    app.wait_for_function(f"{width} === 96")
    look(app, "hires")


def test_a_picture_of_the_webuis_is_uploaded(app: Page, tmp_path: Path) -> None:
    info, out = PngInfo(), BytesIO()
    info.add_text("parameters", REAL.replace("Sampler: Euler", "Sampler: Heunn"))
    Image.new("RGB", (8, 8)).save(out, "PNG", pnginfo=info)
    picture = {"name": "old.png", "mimeType": "image/png", "buffer": out.getvalue()}
    choose(app, app.locator("#upload"), picture)
    expect(app.locator("#status")).to_contain_text(
        "no sampler is called 'Heunn', the nearest is 'Heun'"
    )
    expect(box(app, "Negative prompt")).to_have_value("ugly")


def test_begin_with_a_picture(app: Page, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "red").save(tmp_path / "in.png")
    text = REAL.replace("Hires upscale: 1.5, ", "").replace("Size: 64x64", "Size: 64x80")
    box(app, "Prompt").fill(text)
    app.locator("#read").click()
    expect(app.locator("#status")).to_contain_text("drawn from a picture")
    app.get_by_text("Begin with a picture").click()
    choose(app, app.locator("#start_image button").first, tmp_path / "in.png")
    expect(app.locator("#start_image img").first).to_be_visible()
    app.locator("#generate").click()
    expect(app.locator("#status")).to_contain_text("Done: 64×80", timeout=SLOW)
    look(app, "img2img")
