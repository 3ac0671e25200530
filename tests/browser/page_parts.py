"""The parts of a page of ours, found as a user finds them: by role and name."""

from __future__ import annotations

import re

from .conftest import missing

try:
    from playwright.sync_api import Locator, Page, expect
except ImportError:
    missing("playwright is not installed")


def prompt(page: Page, name: str = "txt2img_prompt") -> Locator:
    return page.locator(f"#{name} textarea")


def rows(page: Page, name: str = "txt2img") -> Locator:
    return page.get_by_role("group", name=f"LoRAs in {name}", exact=True)


def slider(within: Page | Locator, name: str) -> Locator:
    return within.get_by_role("slider", name=f"{name} weight", exact=True)


def open_tab(page: Page, name: str) -> None:
    """gradio 3's tabs are buttons without a role; gradio 6 has hidden doubles of them."""
    tab = page.get_by_role("tab", name=name, exact=True)
    button = page.locator("#tabs > .tab-nav > button", has_text=re.compile(f"^\\s*{name}\\s*$"))
    tab.or_(button).first.click()


def library(page: Page) -> Locator:
    """The LoRA tab, opened."""
    open_tab(page, "LoRA")
    tab = page.get_by_role("region", name="LoRA library")
    expect(tab).to_be_visible()
    return tab


def card(tab: Locator, name: str) -> Locator:
    return tab.get_by_role("gridcell").get_by_role("button", name=name, exact=True)


def cell(tab: Locator, name: str) -> Locator:
    """The whole card."""
    return tab.get_by_role("gridcell").filter(
        has=tab.page.get_by_role("button", name=name, exact=True)
    )


def names(tab: Locator) -> list[str | None]:
    """The cards that exist, in order."""
    cards = tab.locator("[role=gridcell] > button .live-lora-title").all()
    return [each.text_content() for each in cards]


def assert_generates(page: Page, text: str) -> None:
    """Python gets the prompt as it stands on the page."""
    open_tab(page, "txt2img")
    page.locator("#txt2img_generate").click()
    expect(page.get_by_label("Seen by Python").first).to_have_value(text)


def selection(area: Locator) -> list[int]:
    answer: list[int] = area.evaluate("area => [area.selectionStart, area.selectionEnd]")
    return answer
