"""The app's page in Chinese: its labels, what it says of a picture, the library beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .app_program import SLOW, ready
from .conftest import missing

try:
    from playwright.sync_api import expect
except ImportError:
    missing("playwright is not installed")
if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_labels_status_and_report_are_the_browsers(address: str, chromium: Browser) -> None:
    errors: list[str] = []
    context = chromium.new_context(locale="zh-CN", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(SLOW)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    ready(page)
    expect(page.get_by_role("button", name="生成", exact=True)).to_be_visible()
    expect(page.locator("#status")).to_contain_text("就绪")
    expect(page.locator("#hires")).to_contain_text("高分辨率修复")
    page.get_by_label("提示词", exact=True).fill("a fox <lora:ghibli:0.8>")
    expect(page.locator("#tokens")).to_contain_text("个词元")
    page.get_by_role("spinbutton", name="迭代步数").fill("2")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="生成", exact=True).click()
    expect(page.locator("#status")).to_contain_text("完成", timeout=SLOW)
    expect(page.locator("#report")).to_contain_text("已生效：ghibli")
    expect(page.get_by_role("region", name="LoRA 库")).to_be_visible()
    context.close()
    assert errors == []
