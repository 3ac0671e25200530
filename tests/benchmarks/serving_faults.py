"""A server under load while everything goes wrong, with the count of each fault.

    python tests/benchmarks/serving_faults.py [--requests 500] [--kills 20]

With `--kills`, two replicas under Ray (`install.py test --cluster`), of which a random one is
killed (kill -9) at random times, that often, each time when both are there. Without, one process,
whose memory is measured. The exit status is 1 where a request was not answered, a picture was not
the one that is drawn alone, or memory after all requests is more than 1.05 times that after 100.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "serving"))
import tiny_pipeline
from faults import FaultCounts, FaultRun, slow_disk
from live_lora.app.generator import Generator
from live_lora.app.load_model import Checkpoint
from live_lora.hosts.attach import open_library
from live_lora.serving.admission import QueueLimits
from live_lora.serving.device_memory import resident
from live_lora.serving.drawing_service import ServiceLimits
from live_lora.serving.gatekeeper import AccessRules
from live_lora.serving.http_server import ServerState, application
from live_lora.serving.service_options import options_in_force
from live_lora.session.session import Options
from lora_files import write_loras
from servers import running, served

MOST_GROWTH = 1.05
EXTENSION = Path(__file__).resolve().parent.parent.parent / "extension"


class Killing:
    """Kills a replica at random times, `left` times in so many requests, when both are there."""

    def __init__(self, service: Any, left: int, requests: int) -> None:
        self.service, self.left = service, left
        chance = random.Random(0)
        self.when = set(chance.sample(range(requests // 20, requests), left))
        self.lock, self.chance = threading.Lock(), chance

    def __call__(self, number: int) -> str | None:
        if number not in self.when:
            return None
        with self.lock:
            while len(each := self.service.status()["replicas"]) < 2:
                time.sleep(0.5)
            os.kill(self.chance.choice(each)["process"], signal.SIGKILL)
        return "replica killed"


@contextmanager
def by_replicas(folder: Path, scratch: Path) -> Iterator[tuple[str, Any]]:
    """Two, drawing with the tiny model; the address of their server."""
    from live_lora.serving.command import opened
    from live_lora.serving.ray_app import options_of

    tiny_pipeline.pipeline().save_pretrained(scratch / "tiny")
    (scratch / "path").mkdir()
    (scratch / "path" / "live_lora").symlink_to(EXTENSION)
    os.environ["PYTHONPATH"] = str(scratch / "path")
    words = ["--model", str(scratch / "tiny"), "--lora-dir", str(folder), "--device", "cpu"]
    words += ["--queue", "16", "--log", "text", "--replicas", "2"]
    with opened(options_of(words)) as service:
        told = options_in_force(None)
        app = application(ServerState(service, "ready"), AccessRules(), told, {})
        with running(app) as address:
            yield address, service


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--kills", type=int, default=0)
    options = parser.parse_args()
    with TemporaryDirectory() as name, TemporaryDirectory() as scratch:
        folder = write_loras(Path(name))
        for other in ("slow", "swapped"):
            shutil.copy(folder / "owl.safetensors", folder / f"{other}.safetensors")
        if options.kills:
            with by_replicas(folder, Path(scratch)) as (address, service):
                kill = Killing(service, options.kills, options.requests)
                counts = FaultRun(address, service, folder, options.requests, kill).run()
            return told(counts, options.requests)
        pipeline = tiny_pipeline.pipeline()
        pipeline.set_progress_bar_config(disable=True)
        generator = Generator(Checkpoint(pipeline, "tiny"), open_library(folder, Options()))
        limits = ServiceLimits(queue=QueueLimits(pictures=8))
        with served(generator, limits=limits) as (address, service):
            slow_disk(service)
            run = FaultRun(address, service, folder, options.requests)
            counts = run.run(resident)
            counts.resident[options.requests] = resident()
    return told(counts, options.requests)


def told(counts: FaultCounts, requests: int) -> int:
    """Prints all of it; the exit status."""
    for what, number in sorted(counts.happened.items()):
        print(f"{number:6} {what}")
    print(f"{len(counts.pictures)} pictures checked, {len(counts.wrong)} wrong")
    print(f"{len(counts.unanswered)} requests without an answer")
    for line in (*counts.wrong, *counts.unanswered):
        print(line)
    grown = 1.0
    if requests in counts.resident:
        for number, size in counts.resident.items():
            print(f"after {number} requests: {size >> 20} MiB")
        grown = counts.resident[requests] / counts.resident.get(100, counts.resident[requests])
        print(f"memory: {grown:.3f} times that after 100 requests")
    return int(bool(counts.wrong or counts.unanswered) or grown > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
