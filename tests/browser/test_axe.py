"""axe-core finds nothing wrong with what is ours, light and dark.

`LIVE_LORA_AXE` is the path of `axe.min.js` (npm's `axe-core`); without it these are skipped.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from .conftest import Open, lora, missing
from .page_parts import library, open_tab, prompt

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("playwright is not installed")

AXE = os.environ.get("LIVE_LORA_AXE", "")
OURS = """async () => {
  const found = await axe.run(document.querySelectorAll(".live-lora"), {
    resultTypes: ["violations"],
  });
  return found.violations.map(({ id, nodes }) => [
    id,
    nodes.map(({ target, any }) => `${target.join(" ")}: ${any.map((a) => a.message).join()}`),
  ]);
}"""
EXAMPLES = [
    {
        "number": 1,
        "local": "image",
        "prompt": "a fox",
        "negative": "blurry",
        "settings": "Steps: 3",
    },
    {"prompt": "a wolf", "address": "https://example.org/wolf.jpg"},
]
SHOWN = [
    lora("neon", words="neon glow", triggers=["hat"], training_tags=[["sky", 3], ["sea", 1]])
    | {"folder": "style/light", "preview": 1, "nsfw": "X", "examples": EXAMPLES},
    lora("broken", error="it is cut short: download it again", base="Unknown"),
    lora("other", base="SDXL", misfit="made for SDXL, this is SD1"),
]
LONG = " ".join(f"<lora:neon:{n / 10}>" for n in range(6))

pytestmark = pytest.mark.skipif(not AXE, reason="LIVE_LORA_AXE does not name axe.min.js")


def violations(page: Page) -> list[Any]:
    page.wait_for_timeout(400)  # what fades in has its colours
    page.add_script_tag(content=Path(AXE).read_text("utf-8"))
    found: list[Any] = page.evaluate(OURS)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_rows(visit: Open, scheme: str) -> None:
    page = visit(SHOWN, query=f"?__theme={scheme}")
    prompt(page).fill(f"{LONG} <lora:nothing:1> <lora:neon:0.5:on=0> <lora:neon:1:stop=40%>")
    page.wait_for_timeout(1000)
    assert violations(page) == []


@pytest.mark.parametrize("size", ["Cards", "List"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_library(visit: Open, scheme: str, size: str) -> None:
    page = visit(SHOWN, query=f"?__theme={scheme}")
    prompt(page).fill("<lora:neon:1>")
    tab = library(page)
    tab.get_by_role("combobox", name="Size of the cards").select_option(label=size)
    tab.get_by_text("Filters").click()
    tab.get_by_role("combobox", name="Sort by").select_option(label="By random")
    tab.get_by_role("treeitem", name="style 1").click()
    tab.get_by_role("treeitem", name="style 1").press("ArrowRight")
    tab.get_by_role("button", name="Details of neon").click()
    expect(tab.get_by_role("form", name="Your notes")).to_be_visible()
    for summary in tab.locator(".live-lora-example summary").all():
        summary.click()
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_page(visit: Open, scheme: str) -> None:
    narrow = {"width": 390, "height": 844}
    page = visit(SHOWN, query=f"?__theme={scheme}", viewport=narrow, has_touch=True, is_mobile=True)
    tab = library(page)
    tab.get_by_role("button", name="Folders", exact=True).tap()
    expect(tab.get_by_role("tree")).to_be_visible()
    tab.get_by_text("Filters").tap()
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_drawer(visit: Open, scheme: str) -> None:
    page = visit(SHOWN, query=f"?__theme={scheme}")
    open_tab(page, "txt2img")
    page.locator("#txt2img_prompt_row").get_by_role("button", name="LoRA", exact=True).click()
    expect(page.get_by_role("dialog", name="LoRA")).to_be_visible()
    assert violations(page) == []
