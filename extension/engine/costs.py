"""What hooking and folding cost on a device: four numbers, measured in a fraction of a second."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.nn import functional as F

from ..deltas import Delta, Dense, InputMap, Layer, LowRank
from .products import fastest, wide, write_sum

WIDTH, TOKENS, RANK = 512, 1024, 32  # of the layer that is timed
NOISY = 1.5  # from this spread on, what was measured is measured again at the next start


@dataclass(frozen=True, slots=True)
class Costs:
    """In seconds: one hook at one call (its launches too), one FLOP beside a layer, one fold, one
    weight of a fold; and one FLOP of folding.

    `spread` says how busy the machine was: median of a timing / its shortest, at the worst.
    """

    hook: float
    flop: float
    fold: float
    weight: float
    fold_flop: float
    spread: float = 1.0

    def folding(self, layer: Layer) -> float:
        """The part of folding that does not depend on what is folded."""
        return self.fold + self.weight * math.prod(layer.shape)

    def of(self, delta: Delta, layer: Layer, positions: int) -> tuple[float, float]:
        """For one delta: at each call of the hooked layer, and once for folding it."""
        outputs, inputs = layer.shape[0], math.prod(layer.shape[1:])
        if isinstance(delta, LowRank):
            rank = delta.up.shape[1]
            hooked = 2 * positions * rank * (inputs + outputs)
            return self.flop * hooked, self.fold_flop * 2 * outputs * inputs * rank
        hooked = 2 * positions * inputs * outputs
        if isinstance(delta, Dense):
            return self.flop * hooked, self.weight * outputs * inputs
        unit_inputs = inputs if isinstance(delta, InputMap) else min(inputs, 64)
        return self.flop * hooked, self.fold_flop * 2 * outputs * inputs * unit_inputs


@cache
def known(device: torch.device, dtype: torch.dtype, file: Path | None = None) -> Costs:
    """Those of this device for layers of this dtype; measured once, and then kept in `file`.

    Kept, so that the choice, and with it the last bits of a picture, is the same at every start;
    but not for ever where the machine was busy.
    """
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    folds = fastest(torch.empty(0, dtype=wide(dtype), device=device)).__name__
    key = f"{name}, {torch.get_num_threads()} threads, {dtype}, torch {torch.__version__}, {folds}"
    kept = _read(file)
    before = _costs(kept.get(key))
    if before is not None and before.spread < NOISY:
        return before
    made = measured(device, dtype)
    if before is not None and before.spread <= made.spread:
        return before
    if file is not None:
        with suppress(OSError):  # a full or read-only disk costs the next start a moment
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps({**kept, key: asdict(made)}, indent=1), encoding="utf-8")
    return made


def _costs(kept: Any) -> Costs | None:
    try:
        return Costs(**kept)
    except TypeError:  # none, or another version's
        return None


def _read(file: Path | None) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8")) if file is not None else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def measured(device: torch.device, dtype: torch.dtype) -> Costs:
    """Measures them: 0.1 s on a CPU.

    Draws nothing from torch's own generator: this may be in the middle of sampling, and what a host
    draws next belongs to the picture.
    """
    with torch.no_grad(), torch.inference_mode(False):
        own = torch.Generator().manual_seed(0)

        def some(rows: int) -> torch.Tensor:
            return torch.randn(rows, WIDTH, generator=own, device="cpu").to(device, dtype)

        x, down, up_t = some(TOKENS), some(RANK), some(RANK)
        out, weight = torch.zeros_like(x), x[:WIDTH]

        def hook(rows: int) -> Timing:
            return _timed(device, lambda: out[:rows].addmm_(F.linear(x[:rows], down), up_t))

        def fold(size: int, rank: int) -> Timing:
            base, a, b = weight[:size, :size].clone(), down[:rank, :size], up_t[:rank, :size]
            pair, after = (b.t().to(wide(dtype)), a.to(wide(dtype)), 1.0), torch.empty_like(base)
            return _timed(device, lambda: write_sum(base, [pair], after))

        timings = hook(1), hook(TOKENS), fold(8, 1), fold(WIDTH, 1), fold(WIDTH, RANK)
    few, many, small, plain, ranked = (one.shortest for one in timings)
    flops = 4 * WIDTH * RANK * (TOKENS - 1)
    weights = WIDTH * WIDTH
    return Costs(
        hook=few,
        flop=max(0.0, many - few) / flops,
        fold=small,
        weight=max(0.0, plain - small) / weights,
        fold_flop=max(0.0, ranked - plain) / (2 * weights * (RANK - 1)),
        spread=max(one.spread for one in timings),
    )


@dataclass(frozen=True, slots=True)
class Timing:
    """The shortest of several runs in seconds, as what else the machine does only adds."""

    shortest: float
    spread: float


def _timed(device: torch.device, work: Callable[[], object], rounds: int = 25) -> Timing:
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(time.perf_counter() - start)
    return Timing(min(found), median(found) / min(found))
