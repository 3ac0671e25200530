"""The app as its command starts it, on a random model with one LoRA, and how tests use its page."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import numpy as np
import tiny_pipeline
from PIL import Image
from tiny_models import ATTENTION, TEXT, random_lora, save_kohya

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

PROGRAM = (
    f"import sys; sys.path.insert(0, {str(Path(__file__).parent.parent)!r}); import conftest; "
    "from live_lora.app.cli import main; sys.exit(main())"
)
SLOW = 60_000  # ms: a machine that does other things draws a few steps in this time


@contextmanager
def app_running(folder: Path, *options: str) -> Iterator[str]:
    """Its address; what it writes goes into the folder."""
    from .conftest import LOCAL, await_answer

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
    words = ["app", "--no-browser", "--device", "cpu", "--port", str(port), *where, *options]
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_DATA_HOME": str(folder / "data"),
        "TMPDIR": str(temp(folder)),
    }
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *words], env=environment)
    try:
        await_answer(f"{LOCAL}{port}/", process)
        yield f"{LOCAL}{port}/"
    finally:
        process.terminate()
        process.wait(10)


def temp(folder: Path) -> Path:
    """The program's temporary folder."""
    (folder / "temp").mkdir(exist_ok=True)
    return folder / "temp"


@contextmanager
def app_page(address: str, browser: Browser) -> Iterator[Page]:
    """Its page. Afterwards: no error reached it, and it asked nothing of any other machine."""
    trouble: list[str] = []

    def asked(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            trouble.append(request.url)

    context = browser.new_context(viewport={"width": 1280, "height": 900})
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
    from playwright.sync_api import expect

    write(page, prompt)
    number(page, "Steps", steps)
    number(page, "Seed", seed)
    pictures = page.locator("#pictures img")
    before = pictures.first.get_attribute("src") if pictures.count() else None
    page.get_by_role("button", name="Generate").click()
    if before:  # until this one has begun, the status is the last one's
        expect(pictures.first).not_to_have_attribute("src", before, timeout=SLOW)
    expect(page.locator("#status")).to_contain_text("Done", timeout=SLOW)
    address = pictures.first.get_attribute("src")
    assert address
    return page.request.get(urljoin(page.url, address)).body()


def pixels(png: bytes) -> np.ndarray:
    with Image.open(BytesIO(png)) as picture:
        return np.asarray(picture)
