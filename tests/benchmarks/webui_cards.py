"""AUTOMATIC1111's own LoRA cards with a large library: what page.py compares ours with."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright
from webui.server import Webui, make_models

if TYPE_CHECKING:
    from playwright.sync_api import Page

WAIT = 300_000  # ms
INPUT = """async ([selector, value]) => {
  const input = document.querySelector(selector);
  const began = performance.now();
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  await new Promise((next) => requestAnimationFrame(() => setTimeout(next, 0)));
  return performance.now() - began;
}"""
CLICK = """async (selector) => {
  const began = performance.now();
  document.querySelector(selector).click();
  await new Promise((next) => requestAnimationFrame(() => setTimeout(next, 0)));
  return performance.now() - began;
}"""


def run(library: Path, folder: Path) -> None:
    """Starts the webui with these files in its folder, and looks at their cards."""
    models = make_models(folder / "models")
    shutil.rmtree(models / "Lora")
    (models / "Lora").symlink_to(library, target_is_directory=True)
    began = time.monotonic()
    with Webui(models, folder / "data", builtin=True, ours=False) as webui:
        print(f"{'  the webui: its start':40} {1000 * (time.monotonic() - began):8.0f} ms")
        with sync_playwright() as playwright:
            path = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            look(browser.new_page(viewport={"width": 1280, "height": 900}), webui.port)
            browser.close()


def look(page: Page, port: int) -> None:
    """Its cards in the tab of txt2img, shown, searched, ordered."""
    page.set_default_timeout(WAIT)
    here = f"http://127.0.0.1:{port}/"
    page.route(lambda url: not url.startswith(here), lambda route: route.abort())
    page.goto(here, timeout=WAIT)
    page.wait_for_selector("#txt2img_lora_cards .card", state="attached", timeout=WAIT)
    tell("its first cards", page.evaluate("performance.now()"))
    page.click("#txt2img_extra_tabs > .tab-nav > button >> text=Lora")
    page.wait_for_selector("#txt2img_lora_cards .card >> nth=0", timeout=WAIT)
    page.wait_for_timeout(3000)
    for what in ("txt2img", "img2img"):
        nodes = page.evaluate(f"document.querySelectorAll('#{what}_lora *').length")
        print(f"{'  the webui: elements of its cards, ' + what:40} {nodes:8,}")
    search = "#txt2img_lora_extra_search"
    for text in ("lora 7", "sdxl 12", ""):
        tell(f"search {text!r} to the next frame", page.evaluate(INPUT, [search, text]))
    tell("order turned", page.evaluate(CLICK, "#txt2img_lora_extra_sort_dir"))


def tell(what: str, took: float) -> None:
    print(f"{'  the webui: ' + what:40} {took:8.1f} ms", flush=True)
