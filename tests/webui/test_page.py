"""The webui's own page, in a browser."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser.library_walk import walk_through
from library.civitai.site import Site, running
from PIL import Image

from .server import PATIENCE, Webui

playwright = pytest.importorskip("playwright.sync_api")

WAIT = PATIENCE * 1000  # ms
# In gradio 4 a tab's button has a name; in gradio 3 it has its place and its text.
TAB = "#tab_live_lora-button, #tabs > .tab-nav > button:text-is('LoRA')"
FIRST_TAB = "#tab_txt2img-button, #tabs > .tab-nav > button:text-is('txt2img')"


@pytest.fixture
def page(webui: Webui) -> Iterator[Any]:
    """A fresh page; nothing is asked of other machines."""
    chromium = shutil.which("chromium")
    with playwright.sync_playwright() as api:
        browser = api.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        here = f"http://127.0.0.1:{webui.port}/"
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(error.stack or str(error)))
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


def pasted(page: Any, infotext: str) -> None:
    """The page's fields as this text says."""
    page.locator("#txt2img_prompt textarea").fill(infotext)
    page.click("#paste")
    page.wait_for_function(
        "() => !document.querySelector('#txt2img_prompt textarea').value.includes('Steps:')",
        timeout=WAIT,
    )


def kept(webui: Webui, page: Any, name: str) -> None:
    """A screenshot and what failed on the page, for whoever looks: into LIVE_LORA_PICTURES."""
    if folder := os.environ.get("LIVE_LORA_PICTURES"):
        program = webui.program.variable.removesuffix("_ROOT").lower()
        page.screenshot(path=Path(folder, f"{program}-{name}.png"))
        Path(folder, f"{program}-{name}.txt").write_text("\n\n".join(page.errors))


def test_a_pasted_infotext_makes_the_same_picture(webui: Webui, page: Any) -> None:
    """Bit by bit, in a fresh page, from the text alone; and the page tells what ran."""
    made = webui.txt2img(
        "a (red:1.2) [fox<lora:a:0.8>:bird:0.5] <lora:unet-b:0.2@0;0.9@1>", negative_prompt="blue"
    )
    pasted(page, made.infotext)
    assert (generated(page) == made.pictures[0]).all()
    page.click("#html_log_txt2img >> text='What ran: a, unet-b'", timeout=WAIT)
    assert "a: added to" in page.inner_text("#html_log_txt2img", timeout=WAIT)
    page.click(f"{TAB} >> nth=0")
    page.wait_for_selector("#live-lora-tab [role=gridcell]", timeout=WAIT)


def test_a_card_its_slider_and_the_report(webui: Webui, page: Any) -> None:
    """From the library into the prompt, by the slider to another weight, into the picture."""
    pasted(page, webui.txt2img("a fox").infotext)
    page.click(f"{TAB} >> nth=0")
    card = page.get_by_role("gridcell").get_by_role("button", name="a", exact=True)
    card.click(timeout=WAIT)
    kept(webui, page, "library")
    page.click(f"{FIRST_TAB} >> nth=0")
    area = page.locator("#txt2img_prompt textarea")
    chosen = area.input_value()
    assert "<lora:a:" in chosen
    rows = page.get_by_role("group", name="LoRAs in txt2img", exact=True)
    rows.get_by_role("slider", name="a weight", exact=True).press("ArrowLeft")
    moved = area.input_value()
    assert "<lora:a:" in moved
    assert moved != chosen
    assert (generated(page) == webui.txt2img(moved).pictures[0]).all()
    page.click("#html_log_txt2img >> text='What ran: a'", timeout=WAIT)
    kept(webui, page, "generated")
    assert not [error for error in page.errors if "live-lora" in error]
    assert "a: added to" in page.inner_text("#html_log_txt2img", timeout=WAIT)


def own_tab(webui: Webui, page: Any) -> Any:
    """The tab of the program's own LoRA cards, beside the prompt; opened."""
    if not webui.builtin:
        pytest.skip("without the builtin Lora there is no page of its cards")
    tabs = page.locator("#txt2img_extra_tabs")
    tabs.get_by_role("button", name="Lora", exact=True).or_(
        tabs.get_by_role("tab", name="Lora", exact=True)
    ).first.click(timeout=WAIT)
    return tabs


def test_the_library_stands_in_the_place_of_the_programs_cards(webui: Webui, page: Any) -> None:
    """Under the program's own tab: the same cards, which write into the same prompt."""
    tabs = own_tab(webui, page)
    card = tabs.get_by_role("gridcell").get_by_role("button", name="b", exact=True)
    card.click(timeout=WAIT)
    assert "<lora:b:" in page.locator("#txt2img_prompt textarea").input_value()
    assert page.locator("#txt2img_lora_cards .card").count() == 0
    kept(webui, page, "place")
    assert not [error for error in page.errors if "live-lora" in error]


def test_the_programs_own_cards_come_back_by_a_setting(webui: Webui, page: Any) -> None:
    own_tab(webui, page)
    starts = webui.printed().count("Startup time:")
    webui.settings(live_lora_page=False)
    try:
        webui.post("/probe/reload")
        webui.wait_for_start(starts)
        page.reload(timeout=WAIT)
        page.wait_for_selector("#txt2img_prompt textarea", timeout=WAIT)
        own_tab(webui, page)
        page.wait_for_selector("#txt2img_lora_cards .card", timeout=WAIT)
        assert page.locator("#txt2img_extra_tabs .live-lora-place").count() == 0
    finally:
        webui.settings(live_lora_page=True)
        webui.post("/probe/reload")
        webui.wait_for_start(starts + 1)


@pytest.fixture
def site(webui: Webui) -> Iterator[Site]:
    """In place of Civitai, by the setting of the webui that is running."""
    settings = webui.data / ".live-lora" / "civitai.json"
    with running() as site:
        settings.parent.mkdir(exist_ok=True)
        settings.write_text(json.dumps({"host": site.url, "fallback": None}))
        yield site
        settings.unlink()


def test_once_through_the_library(webui: Webui, page: Any, site: Site) -> None:
    """Civitai, sets, moves and deletions, on a file of this test's own."""
    root = webui.models / "Lora"
    shutil.copy(root / "a.safetensors", root / "walker.safetensors")
    try:
        site.add(root / "walker.safetensors", 7)
        page.click(f"{TAB} >> nth=0")
        tab = page.get_by_role("region", name="LoRA library")
        tab.get_by_role("button", name="Refresh").click(timeout=WAIT)
        prompt = page.locator("#txt2img_prompt textarea")
        walk_through(tab, prompt, root, "walker", site)
    finally:
        for path in root.rglob("walker*"):
            path.unlink()
