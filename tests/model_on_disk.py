"""What the tests of the app and of its server share: a random model on disk, and no network."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_pipeline


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of the hub that tries to reach it fails the test."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The diffusers folder of a random model in the layout of SD 1.x."""
    folder = tmp_path_factory.mktemp("models") / "small"
    tiny_pipeline.pipeline().save_pretrained(folder)
    return folder
