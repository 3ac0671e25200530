"""Fifty requests while everything goes wrong; `tests/benchmarks/serving_faults.py` has 500."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from faults import FaultRun, slow_disk
from live_lora.app import load_model
from live_lora.app.generator import Generator
from live_lora.hosts.attach import open_library
from live_lora.serving.admission import QueueLimits
from live_lora.serving.drawing_service import ServiceLimits
from live_lora.session.session import Options
from servers import served


@pytest.fixture
def library(lora_folder: Path, tmp_path: Path) -> Path:
    """The four LoRAs, one more on a slow disk, and one that will be swapped."""
    folder = tmp_path / "loras"
    shutil.copytree(lora_folder, folder)
    for name in ("slow", "swapped"):
        shutil.copy(folder / "words.safetensors", folder / f"{name}.safetensors")
    (folder / "swapped.safetensors").write_bytes((folder / "owl.safetensors").read_bytes())
    return folder


def test_every_request_is_answered_and_no_picture_is_wrong(
    model_folder: Path, library: Path
) -> None:
    generator = Generator(
        load_model.load(model_folder, device="cpu"), open_library(library, Options())
    )
    limits = ServiceLimits(queue=QueueLimits(pictures=8))
    with served(generator, limits=limits) as (address, service):
        slow_disk(service)
        counts = FaultRun(address, service, library, 50).run()
        assert service.queue.jobs == {}
        core = generator.live.core
        assert core is not None
        assert not core.cache.pinned
    assert counts.unanswered == []
    assert counts.wrong == []
    happened = counts.happened
    assert sum(n for told, n in happened.items() if not told.startswith("file")) == 50
    assert happened["good: 200"] >= 20
    assert happened["bad: 422"] >= 1
    assert happened["cancelled"] >= 1
    assert happened["file replaced"] >= 1
    assert not [told for told in happened if told.endswith(": 500")]
