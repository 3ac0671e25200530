"""A random model on disk with a LoRA for it; nothing here may need a network."""

from __future__ import annotations

from pathlib import Path

import model_on_disk
import pytest
import tiny_pipeline
from live_lora.app import diagnosis, opening
from model_on_disk import offline as offline
from tiny_models import ATTENTION, TEXT, random_lora, save_kohya

model = model_on_disk.model_folder


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What the app learns of the tests' files, and ran last, is not kept for its user."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(opening, "user_cache_path", lambda name: folder / name)
    monkeypatch.setattr(opening, "user_data_path", lambda name: folder / "data")
    monkeypatch.setattr(diagnosis, "user_state_path", lambda name: tmp_path / "state" / name)
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
