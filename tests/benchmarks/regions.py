"""How well a LoRA keeps to its region on the small model, and what regions cost.

    python tests/benchmarks/regions.py [--pictures 64] [--rounds 5] [--size 512]

One LoRA in the left half; change is the mean |Δ| against the picture without it, over fixed seeds.
Beside it other ways: keys and values by the mask's mean; keys and values left as they are
(additional-networks); latent-level regions, which call the UNet once for each region.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import conftest  # noqa: F401  (mounts live_lora)

sys.path.insert(0, str(Path(__file__).resolve().parent))
import full_size
import live_lora
from engine_ways import Bench, seconds
from live_lora.app import cli
from live_lora.engine.cross_attention import CrossAttention
from live_lora.engine.places import Places
from live_lora.records import Row

from tools.small_model import exam, sheet

DATA = Path(cli.__file__).parent / "data"
NETWORKS = ("neon", "lineart", "width")
NOBODY = 10_000  # a picture that no tag is for


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5, help="of the costs; 0: none")
    parser.add_argument("--size", type=int, default=512, help="pixels of the costs' pictures")
    options = parser.parse_args()
    if options.pictures:
        containment(options.pictures)
    if options.rounds:
        costs(options.rounds, options.size)


def containment(pictures: int) -> None:
    """One line for each LoRA and way."""
    asked = exam.questions(pictures)
    seeds = [question.seed for question in asked]
    with live_lora.attach(sheet.load(DATA / "model"), library=DATA / "loras") as live:

        def draw(tags: str) -> np.ndarray:
            return exam.answer(live, exam.tagged(asked, tags), seeds).astype(np.float64)

        plain = draw("")
        for name in NETWORKS:
            contained(live, draw, plain, name)


def contained(live: Any, draw: Callable[[str], np.ndarray], plain: np.ndarray, name: str) -> None:
    """One line for each way."""
    ways: dict[str, tuple[str, Any]] = {
        "by place": (":mask=left", nullcontext()),
        "by the mean": (":mask=left", patch.object(Places, "division", lambda *_: None)),
        "words left alone": (":mask=left", patch.object(CrossAttention, "_before", everywhere)),
        "latent regions": ("", latent_regions(live)),
    }
    for way, (argument, circumstances) in ways.items():
        with circumstances:
            change = np.abs(draw(f"<lora:{name}:1{argument}>") - plain).mean(axis=(0, 1, 3))
        half = len(change) // 2
        inside, outside = change[:half].mean(), change[half:].mean()
        print(
            f"{name}, {way}: inside {inside:.2f}, outside {outside:.2f}, "
            f"outside/inside {outside / inside:.3f}",
            flush=True,
        )


def everywhere(self: CrossAttention, module: Any, args: Any, kwargs: Any) -> None:
    """All places read the words of the one masked network."""
    (self.reading.mask,), self.reading.by_mean = self.columns, False


@contextmanager
def latent_regions(live: Any) -> Iterator[None]:
    """Each call of the UNet twice, with LoRAs and without, put together in the middle."""
    inside = False

    def again(module: Any, args: Any, kwargs: Any, out: Any) -> Any:
        nonlocal inside
        run = live.core.running
        if inside or run is None:
            return None
        rows, inside = run.weights.rows, True
        run.weights.move(rows=[Row(NOBODY, row.side) for row in rows])
        without = module.forward(*args, **kwargs)  # no hooks: they would tell the rows again
        run.weights.move(rows=rows)
        inside = False
        sample, other = (one[0] if isinstance(one, tuple) else one.sample for one in (out, without))
        half = sample.shape[-1] // 2
        joined = torch.cat([sample[..., :half], other[..., half:]], dim=-1)
        return (joined,) if isinstance(out, tuple) else type(out)(sample=joined)

    handle = live.pipeline.unet.register_forward_hook(again, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def costs(rounds: int, size: int) -> None:
    """A step of a full-size SD 1.5 with four LoRAs in a quarter each, beside the same four plain.

    Each round times one step of each, turn by turn.
    """
    unet = full_size.sd15()["unet"]
    with TemporaryDirectory() as folder:
        bench = Bench(unet, Path(folder), rank=32, size=size, most=4)
        plain = bench.prompt(4)
        tags = plain.split(">")[:4]
        quarters = ("0,0,0.5,0.5", "0.5,0,1,0.5", "0,0.5,0.5,1", "0.5,0.5,1,1")
        masked = "".join(f"{tag}:mask={box}>" for tag, box in zip(tags, quarters, strict=True))
        by_mean = patch.object(Places, "division", lambda *_: None)
        ways: dict[str, tuple[str, Any]] = {
            "four plain LoRAs again": (plain, nullcontext),
            "four regions by the mean": (masked, lambda: by_mean),
            "four regions by place": (masked, nullcontext),
        }
        ratios: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            base = _step(bench, plain)
            for name, (prompt, circumstances) in ways.items():
                with circumstances():
                    ratios[name].append(_step(bench, prompt) / base)
    print(f"{size} pixels, rank 32, paired with a step of four plain hooked LoRAs:")
    for name, found in ratios.items():
        print(f"{name}: {median(found):.3f}", flush=True)


def _step(bench: Bench, prompt: str) -> float:
    with bench.live("hooked", prompt):
        bench.call()  # settles
        return min(seconds(bench.call) for _ in range(2))


if __name__ == "__main__":
    main()
