"""The app's further settings in a real browser: a webui's text, hires fix, image to image."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .app_program import SLOW, generate, ready
from .conftest import missing

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

INPAINTED = """a fox
Steps: 4, Sampler: Euler, Schedule type: Automatic, CFG scale: 5.0, Seed: 1, Size: 64x64, \
Model hash: 6667b9dfa2, Model: small-a, Denoising strength: 0.8, Mask blur: 2, \
Inpaint area: Only masked, Masked area padding: 12, Version: 1.10.1"""


def box(app: Page, label: str) -> Locator:
    return app.get_by_label(label, exact=True).first


def choose(app: Page, button: Locator, file: Any) -> None:
    """Clicks, and answers the browser's question for a file."""
    with app.expect_file_chooser() as asked:
        button.click()
    asked.value.set_files(file)


def look(app: Page, name: str) -> None:
    """Screenshots in both themes and on a phone, where somebody wants to look at them."""
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        return
    usual = app.viewport_size
    for width in (1280, 390):
        app.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "dark"):
            app.evaluate(f"document.body.classList.toggle('dark', {str(theme == 'dark').lower()})")
            app.wait_for_timeout(300)
            path = Path(folder, f"{name}-{width}-{theme}.png")
            app.screenshot(path=path, full_page=True)
    app.evaluate("document.body.classList.remove('dark')")
    assert usual
    app.set_viewport_size(usual)


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
    expect(app.get_by_label("Hires fix")).to_be_checked()
    expect(box(app, "Hires prompt (empty: the same)")).to_have_value("an owl, <lora:ghibli:0.5>")
    look(app, "read")
    app.locator("#generate").click()
    expect(app.locator("#status")).to_contain_text("Done", timeout=SLOW)
    expect(app.locator("#status")).to_contain_text("seed 12")
    width = "document.querySelector('#pictures img').naturalWidth"
    app.wait_for_function(f"{width} === 96")
    look(app, "hires")
    app.reload()
    ready(app)
    expect(app.get_by_label("Hires fix")).to_be_checked()
    expect(app.get_by_role("spinbutton", name="Upscale by")).to_have_value("1.5")


def test_hires_fix_shows_whether_it_is_on(app: Page) -> None:
    """Its settings only then; a text without it turns it off again."""
    switch, scale = app.get_by_label("Hires fix"), app.get_by_role("slider", name="Upscale by")
    expect(switch).not_to_be_checked()
    expect(scale).to_be_hidden()
    switch.check()
    expect(scale).to_be_visible()
    box(app, "Prompt").fill("a fox\nSteps: 4, Sampler: Euler, Seed: 1, Size: 64x64")
    app.locator("#read").click()
    expect(switch).not_to_be_checked()
    expect(scale).to_be_hidden()


def test_no_room_is_left_for_what_is_not_there(app: Page) -> None:
    """Where no picture is, the settings follow the status; else the picture does."""
    expect(app.locator("#status")).to_be_visible()
    expect(app.locator("#pictures")).to_be_hidden()
    expect(app.locator("#report")).to_be_hidden()
    generate(app, "a fox")
    above = app.locator("#status").bounding_box()
    below = app.locator("#pictures img").first.bounding_box()
    assert above
    assert below
    assert 0 <= below["y"] - above["y"] - above["height"] < 40
    expect(app.locator("#report")).to_contain_text("No LoRA")


def test_what_ran_is_read_also_on_a_phone(app: Page) -> None:
    """A table; on a narrow page a LoRA's facts stand one below the other, in the whole width."""
    generate(app, "a fox <lora:ghibli:1>")
    app.get_by_text("What ran: ghibli").click()
    facts = "[...document.querySelectorAll('#report tr:last-child > *')]"
    lefts = f"() => new Set({facts}.map(each => each.getBoundingClientRect().left)).size"
    assert app.evaluate(lefts) == 4
    borders = app.evaluate(f"() => {facts}.map(each => getComputedStyle(each).borderLeftWidth)")
    assert borders == ["0px"] * 4
    app.set_viewport_size({"width": 390, "height": 844})
    assert app.evaluate(lefts) == 1
    assert app.evaluate("() => document.documentElement.scrollWidth") == 390


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
    app.get_by_text("Begin with a picture: chosen").click()  # folded, it says so still
    expect(app.locator("#start_image")).to_be_hidden()
    app.locator("#generate").click()
    expect(app.locator("#status")).to_contain_text("Done: 64×80", timeout=SLOW)
    look(app, "img2img")


def test_only_what_is_masked_is_drawn(app: Page, tmp_path: Path) -> None:
    """A webui's inpainting is pasted; the picture keeps its size, and what is not masked."""
    Image.new("RGB", (96, 72), "red").save(tmp_path / "in.png")
    mask = Image.new("L", (96, 72))
    mask.paste(255, (8, 16, 40, 48))
    mask.save(tmp_path / "mask.png")
    box(app, "Prompt").fill(INPAINTED)
    app.locator("#read").click()
    expect(app.locator("#status")).to_contain_text("drawn from a picture")
    app.get_by_text("Begin with a picture").click()
    expect(app.get_by_label("Draw only the masked part")).to_be_checked()
    expect(app.get_by_role("spinbutton", name="Mask padding")).to_have_value("12")
    expect(app.get_by_role("spinbutton", name="Mask blur")).to_have_value("2")
    for place in ("start_image", "mask"):
        file = tmp_path / f"{place.replace('start_image', 'in')}.png"
        choose(app, app.locator(f"#{place} button").first, file)
        expect(app.locator(f"#{place} img").first).to_be_visible()
    app.locator("#generate").click()
    expect(app.locator("#status")).to_contain_text("Done: 96×72", timeout=SLOW)
    app.wait_for_function("document.querySelector('#pictures img').naturalWidth === 96")
    look(app, "inpainting")
