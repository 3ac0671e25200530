"""How well a LoRA keeps to its region on the small model, and what regions cost.

    python tests/benchmarks/regions.py [--pictures 64] [--loras neon lineart width] [--kept FOLDER]
                                       [--rounds 5] [--size 512]

One LoRA in the left half; change is the mean |Δ| against the picture without it, over fixed seeds.
Beside it other ways: keys and values by the mask's mean; keys and values left as they are
(additional-networks); latent-level regions, which call the UNet once for each region.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
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
from live_lora.model.base_targets import base_targets
from live_lora.records import Row
from safetensors.torch import save_file

from tools.small_model import exam, sheet

DATA = Path(cli.__file__).parent / "data"
NETWORKS = ("neon", "lineart", "width")
PIECE = 8  # pictures that are drawn in one batch
NOBODY = 10_000  # a picture that no tag is for


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--loras", nargs="*", default=NETWORKS)
    parser.add_argument("--kept", type=Path, help="go on from the changes that are in this folder")
    parser.add_argument("--rounds", type=int, default=5, help="of the costs; 0: none")
    parser.add_argument("--size", type=int, default=512, help="pixels of the costs' pictures")
    options = parser.parse_args()
    if options.pictures:
        containment(options.pictures, options.loras, options.kept)
    if options.rounds:
        costs(options.rounds, options.size)


def containment(pictures: int, names: Sequence[str], kept: Path | None) -> None:
    """One line for each LoRA and way."""
    asked = exam.questions(pictures)
    with (
        live_lora.attach(sheet.load(DATA / "model"), library=DATA / "loras") as live,
        TemporaryDirectory() as folder,
    ):
        (kept or Path(folder)).mkdir(exist_ok=True)
        pieces = [asked[start : start + PIECE] for start in range(0, pictures, PIECE)]
        drawing = Drawing(live, pieces, kept or Path(folder))
        for name in names:
            contained(drawing, name)


@dataclass
class Drawing:
    """Pictures by their pieces, each kept in a file as soon as it is there."""

    live: Any
    pieces: Sequence[Sequence[exam.Question]]
    kept: Path

    def pictures(self, name: str, tags: str = "") -> np.ndarray:
        """(n, 64, 64, 3) from 0 to 255."""
        found = []
        for number, asked in enumerate(self.pieces):
            file = self.kept / f"{name} {len(asked)} {number}.npy"
            if not file.exists():
                seeds = [question.seed for question in asked]
                np.save(file, exam.answer(self.live, exam.tagged(asked, tags), seeds))
            found.append(np.load(file).astype(np.float64))
        return np.concatenate(found)


def contained(drawing: Drawing, name: str) -> None:
    """One line for each way."""
    ways: dict[str, tuple[str, Any]] = {
        "by place": (":mask=left", nullcontext()),
        "latent regions": ("", latent_regions(drawing.live)),
        "words left alone (additional-networks)": (
            ":mask=left",
            patch.object(CrossAttention, "_before", everywhere),
        ),
        "by the mean": (":mask=left", patch.object(Places, "division", lambda *_: None)),
    }
    plain = drawing.pictures("plain")
    for way, (argument, circumstances) in ways.items():
        with circumstances:
            drawn = drawing.pictures(f"{name} {way}", f"<lora:{name}:1{argument}>")
        change = np.abs(drawn - plain).mean(axis=(0, 1, 3))
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

    Each round times one step of each, turn by turn. Apart from them what acts on the inputs of
    convolutions: under a mask each is a convolution of its own.
    """
    unet = full_size.sd15()["unet"]
    with TemporaryDirectory() as folder:
        maps = [f"<lora:{_input_maps(Path(folder), seed)}:1>" for seed in range(4)]
        bench = Bench(unet, Path(folder), rank=32, size=size, most=4)
        plain = bench.prompt(4)
        by_mean = patch.object(Places, "division", lambda *_: None)
        print(f"{size} pixels, rank 32, paired with a step of four plain hooked LoRAs:")
        _compare(
            bench,
            rounds,
            plain,
            {
                "four plain LoRAs again": (plain, nullcontext),
                "four regions by the mean": (_in_quarters(plain), lambda: by_mean),
                "four regions by place": (_in_quarters(plain), nullcontext),
            },
        )
        plain = "".join(maps)
        ways = {"four input maps on convolutions": (_in_quarters(plain), nullcontext)}
        _compare(bench, 2, plain, ways)


def _in_quarters(prompt: str) -> str:
    """Its four tags, each in a quarter of the picture."""
    quarters = ("0,0,0.5,0.5", "0.5,0,1,0.5", "0,0.5,0.5,1", "0.5,0.5,1,1")
    pairs = zip(prompt.split(">")[:4], quarters, strict=True)
    return "".join(f"{tag}:mask={box}>" for tag, box in pairs)


def _input_maps(folder: Path, seed: int) -> str:
    """(IA)³ on the inputs of all 3 × 3 convolutions of the residual blocks; the file's name."""
    made, state = torch.Generator().manual_seed(seed), {}
    for (component, key), target in base_targets("sd15").items():
        if component == "unet" and "resnets" in key and target.shape[2:] == (3, 3):
            gain = torch.randn(1, target.shape[1], 1, 1, generator=made) * 0.02
            state[f"lora_unet_{key}.weight"] = gain
            state[f"lora_unet_{key}.on_input"] = torch.tensor(1.0)
    save_file(state, folder / f"inputs{seed}.safetensors")
    return f"inputs{seed}"


def _compare(bench: Bench, rounds: int, plain: str, ways: dict[str, tuple[str, Any]]) -> None:
    ratios: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        base = _step(bench, plain)
        for name, (prompt, circumstances) in ways.items():
            with circumstances():
                ratios[name].append(_step(bench, prompt) / base)
    for name, found in ratios.items():
        print(f"{name}: {median(found):.3f}", flush=True)


def _step(bench: Bench, prompt: str) -> float:
    with bench.live("hooked", prompt):
        bench.call()  # settles
        return min(seconds(bench.call) for _ in range(2))


if __name__ == "__main__":
    main()
