"""A random model with several LoRAs, and a service that draws with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_lora.app import load_model
from live_lora.app.generator import Generator
from live_lora.hosts.attach import open_library
from live_lora.serving.drawing_service import DrawingService
from live_lora.session.session import Options
from lora_files import write_loras
from model_on_disk import model_folder as model_folder
from model_on_disk import offline as offline
from servers import serving


@pytest.fixture(scope="session")
def lora_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four LoRAs."""
    return write_loras(tmp_path_factory.mktemp("loras"))


@pytest.fixture
def generator(model_folder: Path, lora_folder: Path) -> Generator:
    """One that only a service draws with."""
    checkpoint = load_model.load(model_folder, device="cpu")
    return Generator(checkpoint, open_library(lora_folder, Options()))


@pytest.fixture
def service(generator: Generator) -> Iterator[DrawingService]:
    """With the usual limits."""
    with serving(generator) as found:
        yield found
