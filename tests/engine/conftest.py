"""What tests of the engine may ask of the machine."""

from __future__ import annotations

import pytest
from live_lora.engine import choice as choosing


@pytest.fixture
def much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else this machine does."""
    monkeypatch.setattr(choosing, "free_memory", lambda device: 1 << 40)
