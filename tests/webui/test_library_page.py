"""Prompt, rows and library on the webui's own page, in a browser: found by role and name."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from .server import PATIENCE, Webui

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

WAIT = PATIENCE * 1000  # ms
OURS = "live-lora"  # in the address of every module of ours


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    expect.set_options(timeout=60_000)
    with playwright.sync_playwright() as api:
        browser = api.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(webui: Webui, browser: Any) -> Iterator[Any]:
    """A fresh page of this machine alone; no error of a script of ours, whatever is done on it."""
    context = browser.new_context(viewport={"width": 1400, "height": 1100})
    context.set_default_timeout(60_000)
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(f"{error.message}\n{error.stack}"))
    here = f"http://127.0.0.1:{webui.port}/"
    page.route(lambda url: not url.startswith(here), lambda route: route.abort())
    page.goto(here, timeout=WAIT)
    expect(opener(page)).to_be_visible(timeout=WAIT)
    yield page
    context.close()
    assert not [error for error in errors if OURS in error]


def opener(page: Any, prompt: str = "txt2img") -> Any:
    return page.locator(f"#{prompt}_prompt_row, #tab_{prompt}").get_by_role(
        "button", name="LoRA", exact=True
    ).first  # fmt: skip


def area(page: Any, prompt: str = "txt2img") -> Any:
    return page.locator(f"#{prompt}_prompt textarea")


def rows(page: Any, prompt: str = "txt2img") -> Any:
    return page.get_by_role("group", name=f"LoRAs in {prompt}", exact=True)


def slider(page: Any, name: str, prompt: str = "txt2img") -> Any:
    return rows(page, prompt).get_by_role("slider", name=f"{name} weight", exact=True)


def cards(within: Any) -> Any:
    return within.get_by_role("gridcell")


def builtin_tab(page: Any, prompt: str = "txt2img") -> Any:
    """In gradio 4 a tab's button has a name; in gradio 3 it has its place and its text."""
    nav = f"#{prompt}_extra_tabs > .tab-nav > button"
    return page.locator(nav).filter(has_text=re.compile(r"^\s*Lora\s*$"))


def test_the_button_opens_the_library_beside_the_prompt(opened: Any) -> None:
    opener(opened).click()
    drawer = opened.get_by_role("dialog", name="LoRA")
    expect(cards(drawer).first).to_be_visible()
    drawer.get_by_role("searchbox", name="Search LoRAs").fill("unet-a")
    expect(cards(drawer).filter(has_text="lo con")).to_have_count(0)
    expect(cards(drawer).first).to_contain_text("unet-a")
    drawer.get_by_role("button", name="unet-a", exact=True).click()
    expect(area(opened)).to_have_value("<lora:unet-a:1>")
    opened.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    # A slider moves the text, and the browser's own undo knows of it.
    slider(opened, "unet-a").press("ArrowLeft")
    expect(area(opened)).to_have_value("<lora:unet-a:0.95>")
    area(opened).press("Control+z")
    expect(area(opened)).to_have_value("<lora:unet-a:1>")
    expect(slider(opened, "unet-a")).to_have_value("1")


def test_the_library_stands_in_the_place_of_the_builtins_page(webui: Webui, opened: Any) -> None:
    """Same tab, same title, none of its cards; and the element is one that moves."""
    if not webui.builtin:
        expect(builtin_tab(opened)).to_have_count(0)
        return
    for prompt in ("txt2img", "img2img"):
        opened.locator("#tabs > .tab-nav > button", has_text=prompt).first.click()
        builtin_tab(opened, prompt).click()
        page = opened.locator(f"#{prompt}_lora")
        expect(cards(page).first).to_be_visible()
        expect(opened.locator(f"#{prompt}_lora_cards")).to_have_count(0)
        expect(opened.get_by_role("region", name="LoRA library")).to_have_count(1)
        cards(page).get_by_role("button", name="a", exact=True).click()
        expect(area(opened, prompt)).to_have_value("<lora:a:1>")
    # Its own refresh writes the page anew.
    opened.evaluate("document.querySelector('#img2img_lora_extra_refresh_internal').click()")
    opened.wait_for_timeout(2000)
    expect(cards(opened.locator("#img2img_lora")).first).to_be_visible()


def test_what_python_writes_is_seen_also_in_a_hidden_tab(opened: Any) -> None:
    """An infotext that is pasted goes through the program; then the other prompt, out of sight."""
    text = "a fox <lora:a:0.8>\nNegative prompt: bad <lora:b:0.3>\nSteps: 3"
    area(opened).fill(text)
    opened.click("#paste")
    expect(area(opened)).to_have_value("a fox <lora:a:0.8>", timeout=WAIT)
    expect(slider(opened, "a")).to_have_value("0.8")
    expect(slider(opened, "b", "txt2img negative")).to_have_value("0.3")
    opened.evaluate(
        """() => {
            const area = document.querySelector('#img2img_prompt textarea');
            area.value = 'a dog <lora:b:0.4>';
            updateInput(area);
        }"""
    )
    opened.locator("#tabs > .tab-nav > button", has_text="img2img").first.click()
    expect(slider(opened, "b", "img2img")).to_have_value("0.4")


def test_chips_and_what_is_wrong_in_a_row(opened: Any) -> None:
    """What the program's parser knows: every argument, and what was meant."""
    area(opened).fill("a fox <lora:a:0.8:stop=40%> <lora:nowhere:1>")
    panel = rows(opened)
    panel.get_by_role("button", name="Write 0.4 instead", exact=True).click()
    expect(area(opened)).to_have_value("a fox <lora:a:0.8:stop=0.4> <lora:nowhere:1>")
    expect(panel.get_by_text("No LoRA has this name.")).to_be_visible()


def test_the_setting_gives_the_builtins_page_back(webui: Webui, browser: Any) -> None:
    if not webui.builtin:
        pytest.skip("there is no such page")
    seen = {}
    for setting in (False, True):
        webui.settings(live_lora_page=setting)
        starts = webui.printed().count("Startup time:")
        webui.post("/probe/reload")
        webui.wait_for_start(starts)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{webui.port}/", timeout=WAIT)
        shown = "#txt2img_lora .live-lora-place" if setting else "#txt2img_lora .card"
        page.wait_for_selector(shown, state="attached", timeout=WAIT)
        seen[setting] = page.locator("#txt2img_lora .card").count()
        page.close()
    assert seen[False] > 5
    assert seen[True] == 0
