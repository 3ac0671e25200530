"""The command that makes the small model and its LoRAs again from nothing.

    python -m tools.small_model --work build/small-model

Every stage leaves its result in `--work` and goes on from its last checkpoint, so the command may
be stopped and started at will; `--stages` runs some of them alone.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from live_lora.hosts.attach import attach

from . import sheet, stages, tuning
from .loras import LORAS

DATA = Path(__file__).resolve().parents[2] / "extension" / "app" / "data"
# Training allocates and frees the same large tensors all the time. Giving them back to the system
# and getting them again as zeroed pages costs a fifth of the time on Linux.
MEMORY = {"MALLOC_TRIM_THRESHOLD_": "8589934592", "MALLOC_MMAP_MAX_": "0"}


def model(work: Path, out: Path) -> None:
    stages.save(stages.assemble(work), out / "model", work / "tokenizer")


def loras(work: Path, out: Path) -> None:
    base = partial(sheet.load, out / "model")
    for lora in LORAS:
        adapter = tuning.tune(lora, base, stages.blocks(work), work)
        tuning.publish(lora, adapter, out / "loras", out / "model")


def previews(work: Path, out: Path) -> None:
    sheet.previews(out / "model", out / "loras")


def pictures(work: Path, out: Path) -> None:
    """The contact sheet, the rows of weights and of regions: `docs/` has them for people."""
    with attach(sheet.load(out / "model"), library=out / "loras") as live:
        sheet.contact_sheet(live).save(work / "contact_sheet.webp", quality=90)
        row = sheet.weight_row(live, "a red heart on a blue background", "lineart", seed=6)
        row.save(work / "weights_row.webp", quality=90)
        row = sheet.regions_row(live, "a red heart on a blue background", seed=11)
        row.save(work / "regions_row.webp", quality=90)


STAGES: dict[str, Callable[[Path, Path], None]] = {
    "text": lambda work, out: stages.train_text(work),
    "latents": lambda work, out: stages.encode_pictures(work),
    "autoencoder": lambda work, out: stages.train_autoencoder(work),
    "diffusion": lambda work, out: stages.train_diffusion(work),
    "model": model,
    "loras": loras,
    "previews": previews,
    "pictures": pictures,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tools.small_model",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--work", type=Path, default=Path("build/small-model"), help="for checkpoints"
    )
    parser.add_argument("--out", type=Path, default=DATA, help="gets model/ and loras/")
    parser.add_argument("--stages", nargs="+", choices=list(STAGES), default=list(STAGES))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    os.environ.update(MEMORY)  # read by the worker processes when they start
    for name in arguments.stages:
        STAGES[name](arguments.work, arguments.out)


if __name__ == "__main__":
    main()
