"""A random model on disk with a LoRA for it; nothing here may need a network."""

from __future__ import annotations

from pathlib import Path

import model_on_disk
import pytest
import tiny_pipeline
from live_lora.app import cli, diagnosis, load_model, opening
from live_lora.app.generator import Generator
from live_lora.hosts.attach import open_library
from live_lora.session.session import Options
from model_on_disk import offline as offline
from tiny_models import ATTENTION, TEXT, random_lora, save_kohya

DATA = Path(cli.__file__).parent / "data"

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


@pytest.fixture(scope="session")
def generator() -> Generator:
    """The small model with its LoRAs; a file of tests may have its own."""
    checkpoint = load_model.load(DATA / "model", device="cpu")
    return Generator(checkpoint, open_library(DATA / "loras", Options()))
