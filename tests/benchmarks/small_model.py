"""The full table of what the small model and its LoRAs show, over 64 seeds.

python tests/benchmarks/small_model.py
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import conftest  # noqa: F401  (mounts live_lora)
import live_lora
from live_lora.app import cli

from tools.small_model import exam, scorer, sheet
from tools.small_model.objects import CHARACTER

DATA = Path(cli.__file__).parent / "data"
ASKED = exam.questions(64)
SEEDS = [question.seed for question in ASKED]
MEASURES: dict[str, tuple[Callable[[scorer.Parts], Any], tuple[float, ...]]] = {
    "lineart": (scorer.fill, (0, 0.25, 0.5, 0.75, 1, 1.2)),
    "neon": (scorer.glow, (0, 0.25, 0.5, 0.75, 1, 1.2)),
    "polkadots": (scorer.spots, (0, 0.25, 0.5, 0.75, 1, 1.2)),
    "width": (scorer.width, (-2, -1, 0, 1, 2)),
}
PAIRS = (("lineart:1", "width:2"), ("polkadots:1", "width:-2"), ("neon:1", "width:2"))


Draw = Callable[[str], np.ndarray]


def main() -> None:
    with live_lora.attach(sheet.load(DATA / "model"), library=DATA / "loras") as live:
        began = time.perf_counter()
        live("a red heart", num_inference_steps=20)
        print(f"one picture, 20 steps: {time.perf_counter() - began:.1f} s")
        draw = cache(lambda tags: exam.answer(live, exam.tagged(ASKED, tags), SEEDS))
        print("colour {:.1%}, shape {:.1%}".format(*exam.marks(ASKED, draw(""))))
        for name, (measure, weights) in MEASURES.items():
            row(draw, name, measure, weights)
        characters(live, draw)
        for pair in PAIRS:
            together(draw, pair)


def mean(measure: Callable[[scorer.Parts], Any], pictures: np.ndarray) -> float:
    return float(measure(scorer.take_apart(pictures)).mean())


def row(draw: Draw, name: str, measure: Any, weights: tuple[float, ...]) -> None:
    print(f"{name} ({measure.__name__}):", end="")
    for weight in weights:
        pictures = draw(f"<lora:{name}:{weight}>")
        same = ", identical" if np.array_equal(pictures, draw("")) else ""
        lost = (scorer.fill(scorer.take_apart(pictures)) < 0.5).float().mean()
        extra = f" ({lost:.1%} without fill)" if name == "lineart" else ""
        print(f"  {weight} → {mean(measure, pictures):.2f}{extra}{same}", end="", flush=True)
    print()


def characters(live: Any, draw: Draw) -> None:
    def portraits(tag: str) -> np.ndarray:
        return exam.answer(live, [f"{one.portrait} {tag}" for one in ASKED], SEEDS)

    tag = f"<lora:{CHARACTER}:1>"
    for asked, pictures in {
        "its name and its LoRA": portraits(tag),
        "its name": portraits(""),
        "its LoRA": draw(tag),
    }.items():
        print(f"{CHARACTER} with {asked}: {mean(scorer.character, pictures):.0%}", flush=True)


def together(draw: Draw, pair: tuple[str, str]) -> None:
    """Each measure without LoRAs, with its own, and with both."""
    both = draw(" ".join(f"<lora:{part}>" for part in pair))
    for part in pair:
        measure = MEASURES[part.split(":")[0]][0]
        plain, alone, kept = (
            mean(measure, one) for one in (draw(""), draw(f"<lora:{part}>"), both)
        )
        print(
            f"{' + '.join(pair)}: {measure.__name__} {plain:.2f}, with {part} {alone:.2f}, "
            f"with both {kept:.2f} ({(kept - plain) / (alone - plain):.0%} of it)",
            flush=True,
        )


if __name__ == "__main__":
    main()
