"""The library grown up in the app: Civitai (a site on this machine), sets, work on many files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from library.civitai.site import Site, running

from .app_program import app_running
from .conftest import missing
from .library_walk import walk_through

try:
    from playwright.sync_api import Page
except ImportError:
    missing("playwright is not installed")


@pytest.fixture(scope="module", autouse=True)
def site() -> Iterator[Site]:
    """In place of Civitai, before the app is started."""
    with running() as site, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVE_LORA_CIVITAI_HOST", site.url)
        patch.setenv("LIVE_LORA_CIVITAI_FALLBACK", "")
        yield site


@pytest.fixture
def address(site: Site, tmp_path: Path) -> Iterator[str]:
    """An app that asks that site."""
    with app_running(tmp_path) as address:
        yield address


def test_once_through(app: Page, site: Site, tmp_path: Path) -> None:
    root = tmp_path / "loras"
    site.add(root / "ghibli.safetensors", 7)
    tab = app.get_by_role("region", name="LoRA library")
    walk_through(tab, app.get_by_label("Prompt", exact=True), root, "ghibli", site)
