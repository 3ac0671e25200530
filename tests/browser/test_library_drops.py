"""Pictures and LoRA files that are dropped on the library."""

from __future__ import annotations

from .conftest import missing
from .page_parts import card, library
from .shown_library import SHOWN
from .shown_library import page as page

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("playwright is not installed")

DROP = """([selector, name, type]) => {
  const data = new DataTransfer();
  data.items.add(new File(["picture"], name, { type }));
  const target = selector.closest("[role=gridcell]") ?? selector;
  for (const kind of ["dragover", "drop"])
    target.dispatchEvent(
      new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def test_a_picture_dropped_on_a_card_is_its_preview(page: Page) -> None:
    tab = library(page)
    neon = card(tab, "neon").element_handle()
    with page.expect_request("**/file/*/preview") as sent:
        page.evaluate(DROP, [neon, "x.png", "image/png"])
    assert sent.value.headers["content-type"] == "image/png"
    assert str(SHOWN[0]["id"]) in sent.value.url
    page.evaluate(DROP, [tab.element_handle(), "x.png", "image/png"])
    expect(tab.get_by_text("Drop the picture on the card that it is for.")).to_be_visible()
    page.evaluate(DROP, [tab.element_handle(), "x.txt", "text/plain"])
    expect(tab.get_by_text("x.txt is neither")).to_be_visible()


def test_a_lora_dropped_on_the_tab_is_stored(page: Page) -> None:
    tab = library(page)
    page.route("**/live-lora/upload?*", lambda route: route.fulfill(json={"name": "mine"}))
    with page.expect_request("**/live-lora/upload?*") as sent:
        page.evaluate(DROP, [tab.element_handle(), "mine.safetensors", ""])
    assert sent.value.headers["content-type"] == "application/x-safetensors"
    assert "name=mine.safetensors" in sent.value.url
    expect(tab.get_by_text("mine is in the library.")).to_be_visible()
