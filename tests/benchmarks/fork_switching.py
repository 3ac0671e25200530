"""Another weight of a LoRA on a quantised model: ours and a fork's own patching, in one run.

    FORGE_ROOT=… NEO_ROOT=… python tests/benchmarks/fork_switching.py [--rounds 5]

Both in one process of the program, on the same random SD 1.5 (160 M parameters of UNet), by turns.
A request makes one step of a small picture; the table says how much longer it takes with another
weight than with the same weight again, and by how much the process has grown since its model was
loaded.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)
from forge import gguf_model
from forge.make_checkpoints import make_checkpoints
from forge.own_lora import programs_own
from forge.test_storage import WHOLE
from webui.loras import make_loras
from webui.programs import FORKS
from webui.server import Webui

MIB = 1 << 20
STORAGES = {
    "fp8, merged": "float8-e4m3fn",
    "fp8, on the fly": "float8-e4m3fn (fp16 LoRA)",
    "gguf Q8_0": "Automatic",
}
# What is freed goes back at once, so that a model of before hides nothing of what comes.
os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Side:
    """One of the two ways: how long its switches take, and its repetitions."""

    def __init__(self, webui: Webui, *, own: bool) -> None:
        self.webui, self.own = webui, own
        self.switches: list[float] = []
        self.repeats: list[float] = []
        self.grown = 0.0

    def turn(self, weight: float) -> None:
        """One request with this weight, and the same again."""
        with programs_own(self.webui) if self.own else nullcontext(), self.webui.latents_only():
            ask = partial(self.webui.txt2img, f"a fox <lora:a:{weight}>", steps=1)
            self.switches.append(seconds(ask))
            self.repeats.append(seconds(ask))

    @property
    def cost(self) -> float:
        """Seconds of a switch, the median of pairs."""
        pairs = zip(self.switches[1:], self.repeats[1:], strict=True)
        return statistics.median(new - same for new, same in pairs)


def compare(webui: Webui, storage: str, rounds: int) -> str:
    """A row of the table."""
    options = {**WHOLE, "forge_unet_storage_dtype": STORAGES[storage]}
    if storage.startswith("gguf"):
        options |= gguf_model.make(webui)
    webui.post("/probe/load", options=options)
    webui.txt2img("a fox", steps=1)
    loaded = webui.memory / MIB
    ours, own = sides = [Side(webui, own=False), Side(webui, own=True)]
    for side in sides:  # the first use reads the file; ours first, it leaves nothing behind
        side.turn(0.5)
        side.grown = webui.memory / MIB - loaded
    for number in range(rounds):
        for side in sides if number % 2 else sides[::-1]:
            side.turn(0.6 + number / 100)
    return (
        f"{storage:16} {ours.switches[0]:8.2f} {own.switches[0]:8.2f} {ours.cost:9.2f} "
        f"{own.cost:8.2f} {ours.repeats[-1]:9.2f} {own.repeats[-1]:8.2f} "
        f"{ours.grown:9.0f} {own.grown:8.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--storage", choices=STORAGES, action="append")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        models = Path(name, "models")
        make_checkpoints(models / "Stable-diffusion")
        make_loras(models / "Stable-diffusion", models / "Lora", others={})
        for label, program in FORKS.items():
            if program.root is None or program.gguf is None:
                continue
            print(f"{label}: seconds, ours and its own; MiB")
            print("                    first use          switch     same again         grown")
            data = Path(name, label.replace(" ", "-"))
            data.mkdir()
            with Webui(models, data, builtin=True, program=program) as webui:
                for storage in options.storage or STORAGES:
                    print(compare(webui, storage, options.rounds), flush=True)


if __name__ == "__main__":
    main()
