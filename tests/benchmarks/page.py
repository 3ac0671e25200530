"""How long the page takes with a large library: first cards, typing, search, order, scrolling.

    python tests/benchmarks/page.py [--files 10000 50000] [--keep FOLDER] [--webui]

The library is that of benchmarks/library.py, served by our own routes on a bare page with one
prompt; Chromium as tests/browser finds it. Typing is the time of all input handlers of one key, in
a prompt of 40 tags of which none leads to a file. `--keep` leaves the libraries, and what was read
of them, for the next run. `--webui` has a stable-diffusion-webui (WEBUI_ROOT, without ours in it)
do the same with its own cards of the same files, in the same run.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import conftest  # noqa: F401  (mounts live_lora)
import webui_cards
from library import fill, opened
from live_lora.browser.routes import router
from live_lora.library.background import Background

if TYPE_CHECKING:
    from live_lora.library.catalog import Catalog
    from playwright.sync_api import Page

PAGE = """<!doctype html><html lang="en"><title>bench</title><body>
<div class="prompt" id="txt2img_prompt"><label><span>Prompt</span>
<textarea rows="4" style="width:100%"></textarea></label></div>
<div id="live-lora-tab"></div>
<script type="module" src="live-lora/static/main.mjs"></script></body></html>"""
TYPING = """async () => {
  const area = document.querySelector("textarea");
  const times = [];
  for (let key = 0; key < 50; key += 1) {
    area.setRangeText("a", area.value.length, area.value.length, "end");
    const began = performance.now();
    area.dispatchEvent(new Event("input", { bubbles: true }));
    times.push(performance.now() - began);
    await new Promise((next) => setTimeout(next, 20));
  }
  return times;
}"""
SEARCH = """async ([selector, value, event]) => {
  const input = document.querySelector(selector);
  const began = performance.now();
  input.value = value;
  input.dispatchEvent(new Event(event, { bubbles: true }));
  await new Promise((next) => requestAnimationFrame(() => setTimeout(next, 0)));
  return performance.now() - began;
}"""
SCROLL = """async () => {
  const long = [];
  const watch = new PerformanceObserver((list) => long.push(...list.getEntries()));
  watch.observe({ entryTypes: ["longtask"] });
  const grid = document.querySelector(".live-lora-grid");
  for (let at = 0; at < 60; at += 1) {
    grid.scrollTop += 400;
    await new Promise((next) => requestAnimationFrame(next));
  }
  await new Promise((next) => setTimeout(next, 300));
  watch.disconnect();
  return { long: long.map(({ duration }) => duration), cards: grid.querySelectorAll("*").length };
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs="*", default=[10_000, 50_000])
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--webui", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folders = [(options.keep or Path(name)) / str(files) for files in options.files]
        for folder, files in zip(folders, options.files, strict=True):
            if not (folder / "Lora").exists():
                fill(folder / "Lora", files)
            print(f"{files:,} files", flush=True)
            run(opened(folder / "Lora", folder / "cache"))
        if options.webui:
            webui_cards.run(folders[0] / "Lora", Path(name))


def run(catalog: Catalog) -> None:
    address, server = serve(catalog)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    background = Background(catalog)
    background.start()
    try:
        browse(address, catalog)
    finally:
        background.stop()
        server.should_exit = True
        thread.join()


def serve(catalog: Catalog) -> tuple[str, uvicorn.Server]:
    app = FastAPI()
    app.get("/", response_class=HTMLResponse)(lambda: PAGE)
    app.include_router(router(lambda: catalog, model_of=lambda: "SDXL"), prefix="/live-lora")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error")
    return f"http://127.0.0.1:{port}/", uvicorn.Server(config)


def browse(address: str, catalog: Catalog) -> None:
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        wait_for(page, address)
        page.wait_for_selector("[role=gridcell]")
        shown = page.evaluate("performance.now()")
        read = page.evaluate("`${liveLora.library.read} of ${liveLora.library.files} read`")
        print(f"{'first cards':40} {shown:8.0f} ms, {read}")
        page.wait_for_function("liveLora.library.read === liveLora.library.files", timeout=600_000)
        measure(page)
        browser.close()


def wait_for(page: Page, address: str) -> None:
    for _ in range(100):
        try:
            page.goto(address)
        except Exception:
            page.wait_for_timeout(100)
        else:
            return


def measure(page: Page) -> None:
    unknown = " ".join(f"<lora:nothing like it {n}:0.5>" for n in range(40))
    page.locator("textarea").fill(unknown)
    page.wait_for_timeout(1000)
    report("a key, 40 unknown tags", page.evaluate(TYPING))
    search, order = ".live-lora-search", "select[aria-label='Sort by']"
    for text in ("lora 7", "sdxl 12", "style"):
        report(
            f"search {text!r} to the next frame", [page.evaluate(SEARCH, [search, text, "input"])]
        )
    page.evaluate(SEARCH, [search, "", "input"])
    for key in ("date", "size", "name"):
        report(f"order {key!r} to the next frame", [page.evaluate(SEARCH, [order, key, "change"])])
    found: dict[str, Any] = page.evaluate(SCROLL)
    print(f"{'scrolling: long tasks, ms':40} {found['long']}; {found['cards']} elements")


def report(what: str, times: list[float]) -> None:
    print(f"{what:40} {statistics.median(times):8.1f} ms, at most {max(times):.1f}", flush=True)


if __name__ == "__main__":
    main()
