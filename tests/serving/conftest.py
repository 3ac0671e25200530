"""A random model with several LoRAs, and a service that draws with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from live_lora.app import load_model
from live_lora.app.generator import Generator
from live_lora.hosts.attach import open_library
from live_lora.serving.drawing_service import DrawingService
from live_lora.session.session import Options
from lora_files import write_loras
from model_on_disk import model_folder as model_folder
from model_on_disk import offline as offline
from servers import served, serving


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


@pytest.fixture(scope="module")
def shared_generator(model_folder: Path, lora_folder: Path) -> Generator:
    """One that all services of a module's tests draw with, one after the other."""
    return Generator(
        load_model.load(model_folder, device="cpu"), open_library(lora_folder, Options())
    )


@pytest.fixture(scope="module")
def server(shared_generator: Generator) -> Iterator[tuple[str, DrawingService]]:
    """An HTTP server's address, and what draws."""
    with served(shared_generator) as found:
        yield found


@pytest.fixture(scope="module")
def ask(server: tuple[str, DrawingService]) -> Iterator[httpx.Client]:
    """A client of that server."""
    with httpx.Client(base_url=server[0], timeout=120) as client:
        yield client
