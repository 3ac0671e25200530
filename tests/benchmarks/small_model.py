"""The full table of what the small model and its LoRAs show, over 64 seeds.

python tests/benchmarks/small_model.py
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import conftest  # noqa: F401  (mounts live_lora)
import live_lora
from live_lora.app import training
from live_lora.app.training import exam, scorer, sheet
from live_lora.app.training.objects import CHARACTER

DATA = Path(training.__file__).parents[1] / "data"
ASKED = exam.questions(64)
SEEDS = [question.seed for question in ASKED]
MEASURES: dict[str, tuple[Callable[[scorer.Parts], Any], tuple[float, ...]]] = {
    "lineart": (scorer.fill, (0, 0.25, 0.5, 0.75, 1, 1.2)),
    "neon": (scorer.glow, (0, 0.25, 0.5, 0.75, 1, 1.2)),
    "polkadots": (scorer.spots, (0, 0.25, 0.5, 0.75, 1, 1.2)),
    "width": (scorer.width, (-2, -1, 0, 1, 2)),
}
PAIRS = (("lineart:1", "width:2"), ("polkadots:1", "width:-2"), ("neon:1", "width:2"))


def main() -> None:
    with live_lora.attach(sheet.load(DATA / "model"), library=DATA / "loras") as live:
        began = time.perf_counter()
        live("a red heart", num_inference_steps=20)
        print(f"one picture, 20 steps: {time.perf_counter() - began:.1f} s")
        base = draw(live, "")
        print("colour {:.1%}, shape {:.1%}".format(*exam.marks(ASKED, base)))
        for name, (measure, weights) in MEASURES.items():
            row(live, name, measure, weights, base)
        characters(live)
        for pair in PAIRS:
            together(live, pair, base)


def draw(live: Any, tags: str) -> np.ndarray:
    return exam.answer(live, exam.tagged(ASKED, tags), SEEDS)


def mean(measure: Callable[[scorer.Parts], Any], pictures: np.ndarray) -> float:
    return float(measure(scorer.take_apart(pictures)).mean())


def row(live: Any, name: str, measure: Any, weights: tuple[float, ...], base: np.ndarray) -> None:
    print(f"{name} ({measure.__name__}):", end="")
    for weight in weights:
        pictures = draw(live, f"<lora:{name}:{weight}>")
        same = ", identical" if np.array_equal(pictures, base) else ""
        lost = (scorer.fill(scorer.take_apart(pictures)) < 0.5).float().mean()
        extra = f" ({lost:.0%} without fill)" if name == "lineart" else ""
        print(f"  {weight} → {mean(measure, pictures):.2f}{extra}{same}", end="", flush=True)
    print()


def characters(live: Any) -> None:
    tag = f"<lora:{CHARACTER}:1>"
    for asked, prompts in {
        "its name and its LoRA": [f"{question.portrait} {tag}" for question in ASKED],
        "its name": [question.portrait for question in ASKED],
        "its LoRA": exam.tagged(ASKED, tag),
    }.items():
        share = mean(scorer.character, exam.answer(live, prompts, SEEDS))
        print(f"{CHARACTER} with {asked}: {share:.0%}")


def together(live: Any, pair: tuple[str, str], base: np.ndarray) -> None:
    both = draw(live, " ".join(f"<lora:{part}>" for part in pair))
    for part in pair:
        measure = MEASURES[part.split(":")[0]][0]
        plain, alone = mean(measure, base), mean(measure, draw(live, f"<lora:{part}>"))
        kept = (mean(measure, both) - plain) / (alone - plain)
        print(f"{' + '.join(pair)}: {kept:.0%} of the effect of {part}")


if __name__ == "__main__":
    main()
