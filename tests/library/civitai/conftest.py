"""The site, and nothing of this machine's own settings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live_lora.library.civitai.access import ENVIRONMENT, KEY_VARIABLE

from .site import Site, running


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ENVIRONMENT.values(), KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def site() -> Iterator[Site]:
    with running() as site:
        yield site
