"""A server under load while everything goes wrong, with the count of each fault.

    python tests/benchmarks/serving_faults.py [--requests 500]

The exit status is 1 where a request was not answered, a picture was not the one that is drawn
alone, or memory after all requests is more than 1.05 times that after 100.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "serving"))
import tiny_pipeline
from faults import FaultRun
from live_lora.app.generator import Generator
from live_lora.app.load_model import Checkpoint
from live_lora.hosts.attach import open_library
from live_lora.serving.admission import QueueLimits
from live_lora.serving.device_memory import resident
from live_lora.serving.drawing_service import ServiceLimits
from live_lora.session.session import Options
from lora_files import write_loras
from servers import served

MOST_GROWTH = 1.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=500)
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = write_loras(Path(name))
        for other in ("slow", "swapped"):
            shutil.copy(folder / "owl.safetensors", folder / f"{other}.safetensors")
        pipeline = tiny_pipeline.pipeline()
        pipeline.set_progress_bar_config(disable=True)
        generator = Generator(Checkpoint(pipeline, "tiny"), open_library(folder, Options()))
        limits = ServiceLimits(queue=QueueLimits(pictures=8))
        with served(generator, limits=limits) as (address, service):
            run = FaultRun(address, service, folder, options.requests)
            counts = run.run(resident)
            counts.resident[options.requests] = resident()
    for told, number in sorted(counts.happened.items()):
        print(f"{number:6} {told}")
    for number, size in counts.resident.items():
        print(f"after {number} requests: {size >> 20} MiB")
    print(f"{len(counts.pictures)} pictures checked, {len(counts.wrong)} wrong")
    print(f"{len(counts.unanswered)} requests without an answer")
    for line in (*counts.wrong, *counts.unanswered):
        print(line)
    early = counts.resident.get(100)
    grown = counts.resident[options.requests] / early if early else 1.0
    print(f"memory: {grown:.3f} times that after 100 requests")
    return int(bool(counts.wrong or counts.unanswered) or grown > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
