"""What measuring costs at SD 1.5 size, and how what is measured compares with leaving blocks out.

    python tests/benchmarks/measured.py [--rounds 5] [--rank 16] [--size 512] [--pictures 16]

The cost is paired: each round times one step of the same hooked LoRA without and with measuring.
Blocks: the rank correlation (Spearman) over the blocks of the small model between the mean |Δ| of
a picture drawn without that block and what is measured in one run (the ratio, and its share of all
that is added), the static ratio ‖ΔW‖/‖W‖, and the number of layers. NaN: it is equal everywhere.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import conftest  # noqa: F401  (mounts live_lora)

sys.path.insert(0, str(Path(__file__).resolve().parent))
import full_size
import live_lora
from engine_ways import Bench, seconds
from live_lora.app import cli
from live_lora.model.blocks import BLOCKS, block_of

from tools.small_model import exam, sheet

DATA = Path(cli.__file__).parent / "data"
NETWORKS = ("lineart", "neon", "polkadots")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5, help="of the costs; 0: none")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--size", type=int, default=512, help="pixels of the costs' pictures")
    parser.add_argument("--pictures", type=int, default=16, help="of the blocks; 0: none")
    options = parser.parse_args()
    if options.pictures:
        blocks(options.pictures)
    if options.rounds:
        costs(options.rounds, options.rank, options.size)


def blocks(pictures: int) -> None:
    """One line for each LoRA."""
    asked = exam.questions(pictures)
    seeds = [question.seed for question in asked]
    with live_lora.attach(sheet.load(DATA / "model"), library=DATA / "loras") as live:

        def draw(tags: str, **options: Any) -> np.ndarray:
            drawn = exam.answer(live, exam.tagged(asked, tags), seeds, **options)
            return drawn.astype(np.float64)

        for name in NETWORKS:
            compared(live, draw, name)


def compared(live: Any, draw: Any, name: str) -> None:
    """Over all blocks of the model, and over those alone in which the LoRA has layers."""
    whole = draw(f"<lora:{name}:1>", measure=True)
    # What is in no block (the last convolution) cannot be left out by its name.
    targets = live.core.model.targets.items()
    model = {block_of(target) for (component, _), target in targets if component == "unet"}
    blocks = [block for block in BLOCKS if block in model]
    told = by_block(live, blocks)
    left_out = np.array(
        [np.abs(draw(f"<lora:{name}:1:lbw={block}@0;REST@1>") - whole).mean() for block in blocks]
    )
    own = told["number of layers"] > 0
    for which, some in (("all", np.full(len(blocks), True)), ("the LoRA's own", own)):
        line = ", ".join(
            f"{what} {spearman(one[some], left_out[some]):.3f}" for what, one in told.items()
        )
        print(
            f"{name}, {which} {some.sum()} blocks, rank correlation with leaving each out: {line}"
        )
    form = "    {:6} change {:.3f} ratio {:.4f} share {:.4f} static {:.4f} layers {:2.0f}"
    for row in zip(blocks, left_out, *told.values(), strict=True):
        print(form.format(*row))
    sys.stdout.flush()


def by_block(live: Any, blocks: Sequence[str]) -> dict[str, np.ndarray]:
    """What is said of the run just made; 0 in blocks in which the LoRA has no layers."""
    found = live.measured
    ratios, layers = static(live, found)
    told = {
        "measured ratio": found.by_block(found.ratio)[:, 0].nanmean(dim=(0, 1)).numpy(),
        "measured share": found.share[:, 0].mean(0).numpy(),
        "static ratio": ratios,
        "number of layers": layers,
    }
    at = {block: index for index, block in enumerate(found.shown_blocks)}
    return {
        what: np.array([one[at[block]] if block in at else 0.0 for block in blocks])
        for what, one in told.items()
    }


def static(live: Any, found: Any) -> tuple[np.ndarray, np.ndarray]:
    """‖ΔW‖/‖W‖ and the number of layers, by block."""
    ratios = []
    (bound,) = (one for one in live.core.cache if one.file.name == found.networks[0])
    for key in found.layers:
        layer = live.core.model.sites[key].layer()
        delta = bound.deltas[key].delta.delta_weight(layer)
        ratios.append(float(delta.double().norm() / layer.weight.detach().double().norm()))
    means = found.by_block(torch.tensor(ratios)[None])[0].numpy()
    return means, np.array([found.blocks.count(block) for block in found.shown_blocks], float)


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(ranks(one), ranks(other))[0, 1])


def ranks(values: np.ndarray) -> np.ndarray:
    """Equal values share the mean of their ranks."""
    return np.array([((values < v).sum() + (values <= v).sum() - 1) / 2 for v in values])


def costs(rounds: int, rank: int, size: int) -> None:
    """A step of a full-size SD 1.5 with one hooked LoRA, measured and not, turn by turn."""
    unet = full_size.sd15()["unet"]
    with TemporaryDirectory() as folder:
        bench = Bench(unet, Path(folder), rank=rank, size=size, most=2)
        for count in (1, 2):
            prompt = bench.prompt(count)
            ratios = []
            for _ in range(rounds):
                plain = _step(bench, prompt, measure=False)
                ratios.append(_step(bench, prompt, measure=True) / plain)
            print(
                f"{size} pixels, {count} LoRAs of rank {rank}, a step measured / not: "
                f"{median(ratios):.3f} (of {rounds}: {min(ratios):.3f} to {max(ratios):.3f})",
                flush=True,
            )


def _step(bench: Bench, prompt: str, *, measure: bool) -> float:
    core = bench.library.core
    assert core is not None
    core.options = replace(core.options, executor="hooked")
    with bench.library.prompt(prompt, measure=measure) as run:
        run.rows([(0, "uncond"), (0, "cond")])
        bench.call()  # settles
        return min(seconds(bench.call) for _ in range(2))


if __name__ == "__main__":
    main()
