"""Videos on cards, and the example pictures of a file: seen, then used with a click."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from .conftest import PIXEL, Open, lora, missing
from .page_parts import cell, library, prompt

try:
    from playwright.sync_api import Page, expect
except ImportError:
    missing("playwright is not installed")

RECORD = """async () => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const brush = canvas.getContext("2d");
  const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: "video/webm" });
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const ended = new Promise((done) => (recorder.onstop = done));
  recorder.start();
  for (let at = 0; at < 12; at += 1) {
    brush.fillStyle = `hsl(${at * 30} 90% 50%)`;
    brush.fillRect(0, 0, 64, 64);
    await new Promise((next) => setTimeout(next, 50));
  }
  recorder.stop();
  await ended;
  return btoa(String.fromCharCode(...new Uint8Array(await new Blob(parts).arrayBuffer())));
}"""
SHOWN = [
    lora("moving", video=5, nsfw="PG"),
    lora("veiled", video=6, nsfw="X"),
    lora("judged", video=7, nsfw="X", preview_nsfw="PG"),
]
EXAMPLES = [
    {"number": 1, "local": "image", "prompt": "a red fox", "negative": "blurry", "settings": "S"},
    {"number": 2, "local": "image", "prompt": "a wolf", "nsfw": "XXX"},
    {"prompt": "a bear", "address": "https://example.org/bear.jpg"},
    {"number": 4, "local": "image"},
]


@pytest.fixture
def page(visit: Open) -> Page:
    """The page with videos that are there, made by the browser itself."""
    page = visit(SHOWN)
    video = base64.b64decode(page.evaluate(RECORD))

    def send(route: Any) -> None:
        assert "?v=" in route.request.url
        route.fulfill(body=video, content_type="video/webm")

    page.route("**/live-lora/video/*", send)
    page.reload()
    return page


def test_a_video_plays_while_it_is_pointed_at(page: Page) -> None:
    moving = cell(library(page), "moving")
    video = moving.locator("video")
    expect(video).to_be_visible()
    assert video.evaluate("it => it.paused && it.muted")
    moving.hover()
    handle = video.element_handle()
    page.wait_for_function("it => it.currentTime > 0 && !it.paused", arg=handle)
    page.mouse.move(0, 0)
    page.wait_for_function("it => it.paused", arg=handle)
    moving.get_by_role("button").first.focus()
    page.wait_for_function("it => !it.paused", arg=handle)
    assert page.get_by_role("button", name="moving", exact=True).count() == 1


def test_a_video_is_veiled_by_the_level_of_the_picture_itself(page: Page) -> None:
    tab = library(page)
    blur = "it => getComputedStyle(it).filter.startsWith('blur')"
    page.mouse.move(0, 0)
    assert cell(tab, "veiled").locator("video").evaluate(blur)
    assert not cell(tab, "judged").locator("video").evaluate(blur)


def test_what_a_browser_cannot_play_is_the_picture(visit: Open) -> None:
    page = visit([lora("odd", video=1, preview=1), lora("bare", video=1)])
    tab = library(page)
    expect(cell(tab, "odd").locator("video")).to_have_attribute("poster", re.compile("/preview/"))
    cell(tab, "odd").hover()
    expect(cell(tab, "odd").locator("img")).to_be_visible()
    expect(cell(tab, "bare").locator("video")).to_have_count(0)
    expect(cell(tab, "bare")).to_contain_text("B")


def test_examples_are_seen_and_used_with_a_click(visit: Open) -> None:
    page = visit([lora("fox", examples=EXAMPLES)])
    page.route("**/live-lora/example/*/*", lambda route: route.fulfill(body=PIXEL))
    tab = library(page)
    tab.get_by_role("button", name="Details of fox").click()
    details = tab.get_by_role("complementary", name="Details")
    folds = details.locator(".live-lora-example")
    expect(folds).to_have_count(4)
    expect(folds.locator("summary img")).to_have_count(3)
    assert folds.nth(1).locator("summary img").get_attribute("data-veiled") is not None
    folds.nth(0).locator("summary").click()
    expect(folds.nth(0).locator("img.live-lora-large")).to_be_visible()
    details.get_by_role("button", name="Put into the prompt: example 1").click()
    expect(prompt(page)).to_have_value("a red fox")
    expect(prompt(page, "txt2img_neg_prompt")).to_have_value("blurry")
    folds.nth(2).locator("summary").click()
    link = folds.nth(2).get_by_role("link", name="See it on its site")
    expect(link).to_have_attribute("href", "https://example.org/bear.jpg")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    folds.nth(3).locator("summary").click()
    expect(folds.nth(3).get_by_role("button")).to_have_count(0)


def test_the_step_of_a_file_is_that_of_its_sliders(visit: Open) -> None:
    page = visit([lora("fine", range=[0, 1], step=0.01, weight=0.5)])
    prompt(page).fill("<lora:fine:0.5>")
    row = page.get_by_role("group", name="LoRAs in txt2img", exact=True)
    row.get_by_role("slider", name="fine weight").press("ArrowRight")
    expect(prompt(page)).to_have_value("<lora:fine:0.51>")
