"""The webui's own page, in a browser."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from .server import PATIENCE, Webui

playwright = pytest.importorskip("playwright.sync_api")

WAIT = PATIENCE * 1000  # ms
# In gradio 4 a tab's button has a name; in gradio 3 it has its place and its text.
TAB = "#tab_live_lora-button, #tabs > .tab-nav > button:text-is('LoRA')"


@pytest.fixture
def page(webui: Webui) -> Iterator[Any]:
    """A fresh page; nothing is asked of other machines."""
    chromium = shutil.which("chromium")
    with playwright.sync_playwright() as api:
        browser = api.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        here = f"http://127.0.0.1:{webui.port}/"
        page.route(lambda url: not url.startswith(here), lambda route: route.abort())
        page.goto(here, timeout=WAIT)
        page.wait_for_selector("#txt2img_prompt textarea", timeout=WAIT)
        yield page
        browser.close()


def generated(page: Any) -> np.ndarray:
    """The picture that the page makes, (h, w, 3)."""
    page.click("#txt2img_generate")
    page.wait_for_selector("#txt2img_gallery img", timeout=WAIT)
    source = page.get_attribute("#txt2img_gallery img", "src")
    content = page.request.get(source).body()
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def test_a_pasted_infotext_makes_the_same_picture(webui: Webui, page: Any) -> None:
    """Bit by bit, in a fresh page, from the text alone; and the page tells what ran."""
    made = webui.txt2img(
        "a (red:1.2) [fox<lora:a:0.8>:bird:0.5] <lora:unet-b:0.2@0;0.9@1>", negative_prompt="blue"
    )
    page.locator("#txt2img_prompt textarea").fill(made.infotext)
    page.click("#paste")
    page.wait_for_function(
        "() => !document.querySelector('#txt2img_prompt textarea').value.includes('Steps:')",
        timeout=WAIT,
    )
    assert (generated(page) == made.pictures[0]).all()
    page.click("#html_log_txt2img >> text='What ran: a, unet-b'", timeout=WAIT)
    assert "a: added to" in page.inner_text("#html_log_txt2img", timeout=WAIT)
    page.click(f"{TAB} >> nth=0")
    page.wait_for_selector("#live-lora-tab [role=gridcell]", timeout=WAIT)
