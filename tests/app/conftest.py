"""Nothing here may need a network."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of the hub that tries to reach it fails the test."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
