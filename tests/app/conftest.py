"""A random model on disk with a LoRA for it; nothing here may need a network."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_pipeline
from live_lora.app import diagnosis, opening
from tiny_models import ATTENTION, TEXT, random_lora, save_kohya


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of the hub that tries to reach it fails the test."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What the app learns of the tests' files, and ran last, is not kept for its user."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(opening, "user_cache_path", lambda name: folder / name)
    monkeypatch.setattr(opening, "user_data_path", lambda name: folder / "data")
    monkeypatch.setattr(diagnosis, "user_state_path", lambda name: tmp_path / "state" / name)
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The diffusers folder of a random model in the layout of SD 1.x."""
    folder = tmp_path_factory.mktemp("models") / "small"
    tiny_pipeline.pipeline().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def loras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `ghibli.safetensors`, a random LoRA on UNet and text encoder."""
    folder = tmp_path_factory.mktemp("loras")
    pipeline = tiny_pipeline.pipeline()
    parts = {
        "unet": random_lora(pipeline.unet, ATTENTION),
        "text_encoder": random_lora(pipeline.text_encoder, TEXT),
    }
    save_kohya(folder / "ghibli.safetensors", parts, alpha=4)
    return folder
