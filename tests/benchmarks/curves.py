"""A weight that changes at every step beside a constant one, on the full-size SD 1.5 UNet.

    python tests/benchmarks/curves.py [--steps 6] [--size 128]

Both runs make the same calls of the UNet, turn by turn, so that the machine's noise meets both.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)

sys.path.insert(0, str(Path(__file__).resolve().parent))
import full_size
import live_lora

CONSTANT = "<lora:a:0.8>"
CURVE = "<lora:a:0.2@0;1@0.5;0.4@1:lbw=ALL>"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--size", type=int, default=128, help="pixels")
    options = parser.parse_args()
    unet = full_size.sd15()["unet"]
    side = options.size // 8
    noise, text = torch.randn(2, 4, side, side), torch.randn(2, 77, 768)
    with TemporaryDirectory() as name, torch.no_grad():
        full_size.kohya_lora(Path(name) / "a.safetensors")
        live = live_lora.attach({"unet": unet}, library=name)
        times: dict[str, list[float]] = {CONSTANT: [], CURVE: []}
        move: list[float] = []
        for step in range(options.steps):
            for prompt, found in times.items():
                with live.prompt(prompt) as run:
                    unet(noise, 500, text)  # caches warm, deltas placed
                    start = time.perf_counter()
                    run.progress(step, options.steps)
                    run.rows([(0, "uncond"), (0, "cond")])
                    move.append(time.perf_counter() - start)
                    unet(noise, 500, text)
                    found.append(time.perf_counter() - start)
    constant, curve = (statistics.median(times[prompt]) for prompt in (CONSTANT, CURVE))
    pairs = statistics.median(b / a for a, b in zip(times[CONSTANT], times[CURVE], strict=True))
    print(f"constant {constant:.3f} s a step, curve {curve:.3f} s: {100 * (pairs - 1):+.2f} %")
    print(f"telling the step: {1e3 * statistics.median(move):.3f} ms")


if __name__ == "__main__":
    main()
