"""The app's own page in a real browser: from a prompt to a picture, on a random model."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tiny_pipeline
from PIL import Image
from tiny_models import ATTENTION, TEXT, random_lora, save_kohya

from .conftest import LOCAL, await_answer, missing

try:
    from playwright.sync_api import Page, Request, expect
except ImportError:
    missing("playwright is not installed")
if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAM = (
    f"import sys; sys.path.insert(0, {str(Path(__file__).parent.parent)!r}); import conftest; "
    "from live_lora.app.cli import main; sys.exit(main())"
)
SLOW = 60_000  # ms: a machine that does other things draws a few steps in this time


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[str]:
    """The address of the app, started as its command does, with one LoRA."""
    folder = tmp_path_factory.mktemp("app")
    pipeline = tiny_pipeline.pipeline()
    pipeline.save_pretrained(folder / "toy")
    (folder / "loras").mkdir()
    parts = {
        "unet": random_lora(pipeline.unet, ATTENTION),
        "text_encoder": random_lora(pipeline.text_encoder, TEXT),
    }
    save_kohya(folder / "loras" / "ghibli.safetensors", parts, alpha=4.0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    where = ["--model", str(folder / "toy"), "--lora-dir", str(folder / "loras")]
    options = ["app", "--no-browser", "--device", "cpu", "--port", str(port), *where]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *options], env=environment)
    try:
        await_answer(f"{LOCAL}{port}/", process)
        yield f"{LOCAL}{port}/"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def app(address: str, chromium: Browser) -> Iterator[Page]:
    """The page. Afterwards: no error reached it, and it asked nothing of any other machine."""
    trouble: list[str] = []

    def asked(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            trouble.append(request.url)

    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(SLOW)
    page = context.new_page()
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", asked)
    page.goto(address)
    ready(page)
    yield page
    context.close()
    assert trouble == []


def ready(page: Page) -> None:
    page.wait_for_function("globalThis.liveLora?.library.state === 'ready'")


def write(page: Page, prompt: str) -> None:
    page.get_by_label("Prompt", exact=True).fill(prompt)


def number(page: Page, name: str, value: int) -> None:
    page.get_by_role("spinbutton", name=name).fill(str(value))
    page.keyboard.press("Tab")


def generate(page: Page, prompt: str, *, steps: int = 2, seed: int = 7) -> bytes:
    """The picture's bytes."""
    write(page, prompt)
    number(page, "Steps", steps)
    number(page, "Seed", seed)
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#status")).to_contain_text("Done", timeout=SLOW)
    address = page.locator("#pictures img").first.get_attribute("src")
    assert address
    return page.request.get(address).body()


def pixels(png: bytes) -> np.ndarray:
    with Image.open(BytesIO(png)) as picture:
        return np.asarray(picture)


def test_a_tag_changes_the_picture(app: Page) -> None:
    plain = generate(app, "a fox")
    app.reload()
    ready(app)
    tagged = generate(app, "a fox <lora:ghibli:1>")
    assert b"a fox <lora:ghibli:1>" in tagged, "a PNG that says how it was made"
    assert not np.array_equal(pixels(plain), pixels(tagged))
    row = app.locator("#report").get_by_role("row").filter(has_text="ghibli")
    expect(row).to_contain_text(re.compile(r"\d+ UNet layers, \d+ text encoder layers"))


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
    expect(app.locator("#pictures .grid-container img")).to_have_count(3)


def test_problems_are_shown_where_they_are(app: Page) -> None:
    generate(app, "a fox <lora:gibli:1>")
    report = app.locator("#report")
    expect(report).to_contain_text("no LoRA is named 'gibli'")
    expect(report).to_contain_text("did you mean 'ghibli'")


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


def test_other_names_of_this_machine_are_refused(address: str, app: Page) -> None:
    answer = app.request.get(address, headers={"Host": "evil.example"})
    assert answer.status == 400
