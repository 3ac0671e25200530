"""The library grown up in the app: Civitai (a site on this machine), sets, work on many files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from library.civitai.site import Site, running

from .conftest import missing
from .library_walk import walk_through
from .test_app import address as address
from .test_app import app as app

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


def test_once_through(app: Page, site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = tmp_path_factory.getbasetemp().glob("app*/loras")
    root = max({one.resolve() for one in found}, key=lambda one: one.stat().st_ctime)
    site.add(root / "ghibli.safetensors", 7)
    tab = app.get_by_role("region", name="LoRA library")
    walk_through(tab, app.get_by_label("Prompt", exact=True), root, "ghibli", site)
