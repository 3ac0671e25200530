"""What a call of a layer takes, counted: kernels, FLOPs, Python calls; and small layers for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import live_lora
import torch
from live_lora.deltas import LowRank
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

RANK, WIDTH, TOKENS = 4, 16, 6
PACKAGE = str(Path(live_lora.__file__).parent)


class Kernels(TorchDispatchMode):
    """The dispatched operations that compute something: no views, no bookkeeping."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view and func is not torch.ops.aten._unsafe_view.default:
            self.seen.append(str(func.overloadpacket))
        return out


def flops() -> FlopCounterMode:
    """Torch counts in-place products with these only."""

    def product(out: Any, a: Any, b: Any, **options: Any) -> int:
        return int(2 * torch.Size(a).numel() * b[-1])  # shapes (…, n, k) and (…, k, m)

    in_place = {torch.ops.aten.addmm_: product, torch.ops.aten.baddbmm_: product}
    return FlopCounterMode(display=False, custom_mapping=in_place)


@contextmanager
def our_calls() -> Iterator[list[str]]:
    """The Python functions of the package that are called inside."""
    seen: list[str] = []

    def profile(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            seen.append(frame.f_code.co_qualname if sys.version_info >= (3, 11) else "call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield seen
    finally:
        sys.setprofile(before)


class Attention(nn.Module):
    """Three projections of one input, as hosts have them, or of another one for k and v."""

    def __init__(self, inputs: int = WIDTH) -> None:
        super().__init__()
        self.to_q = nn.Linear(WIDTH, WIDTH)
        self.to_k, self.to_v = nn.Linear(inputs, WIDTH), nn.Linear(inputs, WIDTH)

    def forward(self, x: Tensor, context: Tensor | None = None) -> list[Tensor]:
        seen = x if context is None else context
        return [self.to_q(x), self.to_k(seen), self.to_v(seen)]


def low(rest: Sequence[int] = (WIDTH,), out: int = WIDTH, rank: int = RANK) -> LowRank:
    return LowRank(torch.randn(rank, *rest), torch.randn(out, rank))


def inputs(kind: str, rows: int = 4) -> Tensor:
    shape = (rows, TOKENS, WIDTH) if kind == "linear" else (rows, WIDTH, 5, 5)
    return torch.randn(shape)


def low_rank_flops(x: Tensor, layers: int) -> int:
    return 2 * x.shape[0] * x.shape[1] * RANK * (WIDTH + WIDTH) * layers
