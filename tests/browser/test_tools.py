"""Civitai, sets and work on many files, pressed on the page; behind it the real routes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from library.civitai.site import Site, in_place_of_civitai
from library.files import lora
from live_lora.browser import routes
from live_lora.library.catalog import Catalog
from live_lora.library.civitai.storing import info_of

from .conftest import PIXEL, Open, missing
from .page_parts import card, library, prompt

try:
    from playwright.sync_api import Locator, Page, Route, expect
except ImportError:
    missing("playwright is not installed")

Fold = Callable[..., tuple["Page", "Locator"]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("ghibli", "ink", "grain"):
        lora(tmp_path / f"Lora/{name}.safetensors", data=name.encode())
    return tmp_path / "Lora"


@pytest.fixture
def civitai(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with in_place_of_civitai(monkeypatch) as site:
        yield site


@pytest.fixture
def fold(visit: Open, root: Path, tmp_path: Path, civitai: Site) -> Fold:
    """Opens the tab and the fold in it; what the page asks is answered by our routes."""

    def fold(**options: Any) -> tuple[Page, Locator]:
        catalog = Catalog([root])
        catalog.read_all()
        app = FastAPI()
        app.include_router(
            routes.router(lambda: catalog, data=tmp_path / "data", **options), prefix="/live-lora"
        )
        client = TestClient(app)

        def answer(route: Route) -> None:
            asked = urlsplit(route.request.url)
            if asked.path.startswith("/live-lora/static/"):
                return route.fallback()
            catalog.read_all()
            said = client.request(
                route.request.method,
                f"{asked.path}?{asked.query}",
                content=route.request.post_data_buffer,
                headers={"content-type": route.request.headers.get("content-type", "")},
            )
            kind = said.headers["content-type"]
            return route.fulfill(status=said.status_code, body=said.content, content_type=kind)

        page = visit()
        page.route("**/live-lora/**", answer)
        page.evaluate("liveLora.library.refresh()")
        tab = library(page)
        expect(card(tab, "grain")).to_be_visible()
        tab.get_by_text("Civitai, sets, many files").click()
        return page, tab

    return fold


def test_nothing_is_asked_before_it_is_opened(page: Page) -> None:
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    tab = library(page)
    expect(tab.get_by_role("region", name="Civitai")).to_be_hidden()
    assert not [url for url in asked if url.endswith(("/civitai", "/sets", "/bin", "/errand"))]


def test_lookup_and_download(fold: Fold, civitai: Site, root: Path, tmp_path: Path) -> None:
    civitai.add(root / "ink.safetensors", 7)
    civitai.add(lora(tmp_path / "there/new one.safetensors"), 8)
    _, tab = fold()
    panel = tab.get_by_role("region", name="Civitai")
    expect(panel).to_contain_text("Nothing is sent but by these buttons")
    panel.get_by_role("button", name="Look up shown files").click()
    expect(panel.get_by_role("status")).to_contain_text("1 of 3 files are known, 2 are not")
    assert info_of(root / "ink.safetensors")["id"] == 7
    panel.get_by_label("Version").fill("https://civitai.com/models/3/x?modelVersionId=8")
    panel.get_by_role("button", name="Download").click()
    expect(panel.get_by_role("status")).to_contain_text("Downloaded")
    expect(card(tab, "new one")).to_be_visible()
    panel.get_by_label("Version").fill("nonsense")
    panel.get_by_role("button", name="Download").click()
    expect(panel.get_by_role("status")).to_contain_text("modelVersionId=")


def test_a_set_is_saved_used_and_removed(fold: Fold) -> None:
    page, tab = fold()
    page.evaluate("liveLora.targets.boxes[0].area.value = 'x <lora:ink:0.5>'")
    sets = tab.get_by_role("region", name="Sets")
    sets.get_by_label("Name").fill("<b>Old</b> film")
    sets.get_by_role("button", name="Save the prompt's LoRAs").click()
    item = sets.get_by_role("listitem")
    expect(item).to_contain_text("<b>Old</b> film")
    page.evaluate("liveLora.targets.boxes[0].area.value = 'a fox'")
    item.get_by_role("button", name="Use <b>Old</b> film").click()
    expect(prompt(page)).to_have_value("a fox <lora:ink:0.5>")
    item.get_by_role("button", name="Remove").click()
    expect(item).to_have_count(0)
    expect(sets.get_by_role("link", name="Export")).to_have_attribute("download", "sets.json")


def test_words_negative_text_and_picture_of_a_set(fold: Fold) -> None:
    page, tab = fold()
    page.evaluate("liveLora.targets.boxes[0].area.value = 'x <lora:ink:0.5>'")
    sets = tab.get_by_role("region", name="Sets")
    sets.get_by_label("Name").fill("Film")
    sets.get_by_label("Words").fill("old film")
    sets.get_by_label("Negative text").fill("blurry")
    sets.get_by_role("button", name="Save the prompt's LoRAs").click()
    item = sets.get_by_role("listitem")
    expect(item).to_contain_text("Negative: blurry")
    with page.expect_file_chooser() as chooser:
        item.get_by_role("button", name="Picture of Film").click()
    chooser.value.set_files({"name": "x.png", "mimeType": "image/png", "buffer": PIXEL})
    expect(item.locator("img")).to_be_visible()
    page.evaluate("liveLora.targets.boxes[0].area.value = 'a fox'")
    item.get_by_role("button", name="Use Film").click()
    expect(prompt(page)).to_have_value("a fox <lora:ink:0.5> old film")
    expect(prompt(page, "txt2img_neg_prompt")).to_have_value("blurry")
    item.get_by_role("button", name="Use Film").click()
    expect(prompt(page, "txt2img_neg_prompt")).to_have_value("blurry")


def test_duplicates_are_shown_and_one_is_deleted(fold: Fold, root: Path) -> None:
    lora(root / "ink again.safetensors", data=b"ink", note="other metadata")
    page, tab = fold()
    groups = tab.get_by_role("region", name="What belongs together")
    groups.get_by_role("button", name="Duplicates").click()
    expect(groups.get_by_role("status")).to_contain_text("4 files are not hashed yet")
    page.evaluate("Promise.all(liveLora.library.rows.map(row => liveLora.library.learnHash(row)))")
    groups.get_by_role("button", name="Duplicates").click()
    expect(groups.get_by_role("status")).to_have_text("1 group.")
    groups.get_by_role("button", name="Show ink").click()
    expect(tab.get_by_text("2 of 4 LoRAs")).to_be_visible()
    expect(card(tab, "grain")).to_have_count(0)
    groups.get_by_role("button", name="Delete ink again.safetensors").click()
    expect(groups.get_by_role("status")).to_have_text("No file is here twice.")
    assert not (root / "ink again.safetensors").exists()
    tab.get_by_role("searchbox").fill("grain")
    expect(card(tab, "grain")).to_be_visible()


def test_versions_of_one_model(fold: Fold, root: Path) -> None:
    for version, name in enumerate(("ghibli", "ink"), 1):
        (root / f"{name}.civitai.info").write_text(f'{{"id": {version}, "modelId": 9}}')
    _, tab = fold()
    groups = tab.get_by_role("region", name="What belongs together")
    groups.get_by_role("button", name="Versions").click()
    item = groups.get_by_role("listitem")
    expect(item).to_contain_text("ink.safetensors")
    expect(item).to_contain_text("ghibli.safetensors")
    item.get_by_role("button", name="Show ink").click()
    expect(tab.get_by_text("2 of 3 LoRAs")).to_be_visible()


def test_examples_and_another_preview_in_the_details(fold: Fold, root: Path) -> None:
    meta = {"prompt": "<b>a</b> fox", "negativePrompt": "blurry", "steps": 20}
    info = {"id": 1, "modelId": 9, "images": [{"meta": meta}]}
    (root / "ink.civitai.info").write_text(json.dumps(info))
    page, tab = fold()
    tab.get_by_role("button", name="Details of ink").click()
    details = tab.get_by_role("complementary", name="Details")
    expect(details.get_by_role("link", name="civitai.com/models/9")).to_have_attribute(
        "href", "https://civitai.com/models/9?modelVersionId=1"
    )
    details.get_by_text("Example 1", exact=True).click()
    expect(details.get_by_text("Negative: blurry")).to_be_visible()
    details.get_by_role("button", name="Put into the prompt: example 1").click()
    expect(prompt(page)).to_have_value("<b>a</b> fox")
    with page.expect_file_chooser() as chooser:
        details.get_by_role("button", name="Another picture…").click()
    chooser.value.set_files({"name": "x.png", "mimeType": "image/png", "buffer": PIXEL})
    expect(details.locator("img.live-lora-large")).to_be_visible()
    assert (root / "ink.preview.png").read_bytes() == PIXEL


def test_an_import_of_sets(fold: Fold) -> None:
    _, tab = fold()
    sets = tab.get_by_role("region", name="Sets")
    one = b'{"name": "One", "loras": [{"name": "ink"}]}'
    for name, content in {
        "sets.json": b'{"live lora sets": 1, "sets": [%s]}' % one,
        "x.recipe.json": b'{"title": "Two", "loras": [{"file_name": "grain", "strength": 0.5}]}',
    }.items():
        file = {"name": name, "mimeType": "application/json", "buffer": content}
        sets.locator("input[accept*=json]").set_input_files(file)  # type: ignore[arg-type]
    expect(sets.get_by_role("listitem")).to_have_count(2)
    broken = {"name": "x.json", "mimeType": "application/json", "buffer": b"{"}
    sets.locator("input[accept*=json]").set_input_files(broken)  # type: ignore[arg-type]
    expect(sets.get_by_role("status")).to_contain_text("JSON")


def test_the_shown_files_are_tagged_renamed_and_deleted(fold: Fold, root: Path) -> None:
    page, tab = fold()
    files = tab.get_by_role("region", name="Shown files")
    tab.get_by_role("searchbox").fill("ink")
    expect(card(tab, "grain")).to_have_count(0)
    files.get_by_label("Tag, folder or name").fill("line art")
    expect(files).to_contain_text("what the search shows: ink.")
    files.get_by_role("button", name="Add tag").click()
    expect(files.get_by_role("status")).to_contain_text("Done: ink")
    assert "line art" in (root / "ink.json").read_text()
    files.get_by_label("Tag, folder or name").fill("ink lines")
    files.get_by_role("button", name="Rename").click()
    expect(card(tab, "ink lines")).to_be_visible()
    files.get_by_role("button", name="Delete", exact=True).click()
    expect(card(tab, "ink lines")).to_have_count(0)
    assert not (root / "ink lines.json").exists()
    files.get_by_role("button", name="Restore ink lines.safetensors").click()
    expect(card(tab, "ink lines")).to_be_visible()
    files.get_by_role("button", name="Delete", exact=True).click()
    page.once("dialog", lambda dialog: dialog.accept())
    files.get_by_role("button", name="for good").click()
    expect(files.get_by_role("listitem")).to_have_count(0)
    assert len(list(root.rglob("*.safetensors"))) == 2


def test_files_that_were_not_counted_stay(fold: Fold, root: Path) -> None:
    """The search changes behind the fold, between a look and a press."""
    _, tab = fold()
    files = tab.get_by_role("region", name="Shown files")
    files.get_by_label("Tag, folder or name").fill("x")
    tab.get_by_role("searchbox").evaluate(
        "box => { box.value = 'ink'; box.dispatchEvent(new Event('input', {bubbles: true})) }"
    )
    expect(card(tab, "grain")).to_have_count(0)
    files.get_by_role("button", name="Delete", exact=True).evaluate("button => button.click()")
    expect(files.get_by_role("status")).to_contain_text("press again")
    assert len(list(root.glob("*.safetensors"))) == 3


def test_where_strangers_come_the_reason_is_said(fold: Fold) -> None:
    _, tab = fold(closed_of=lambda: "others can reach this page (--listen)")
    panel = tab.get_by_role("region", name="Civitai")
    expect(panel).to_contain_text("--listen")
    expect(panel.get_by_role("button", name="Look up shown files")).to_be_disabled()
    files = tab.get_by_role("region", name="Shown files")
    files.get_by_role("button", name="Delete", exact=True).click()
    expect(files.get_by_role("status")).to_contain_text("--listen")
