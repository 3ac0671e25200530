"""W + Σ m · up · down, on a CPU by the faster one of the libraries that torch comes with.

torch multiplies matrices of 32 bits by its BLAS, on x86 MKL, and those of other dtypes by oneDNN.
On AMD's processors MKL leaves the registers of AVX-512 alone. oneDNN does not, and is 2.2 times as
fast there: 257 beside 113 GFLOPS on one core of an EPYC, (1280, 128) by (128, 1280). Which one it
is follows from the processor, not from a clock, as the last bits of a picture depend on it.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from ..deltas import LowRank

Factors = tuple[Tensor, Tensor, float]  # (o, r), (r, i) and their weight
# (start (o, i), up (o, r), down (r, i), m, out (o, i), which may be `start`)
AddProduct = Callable[[Tensor, Tensor, Tensor, float, Tensor], None]
# Weights written at once: a product of less is slower, what one of more has written has left the
# cache before the next one is added.
BLOCK = 1 << 19
# Ranks of one product: narrower ones are slower, and to join wider ones costs more than it wins.
JOINED = 128
PROCESSOR = Path("/proc/cpuinfo")
AMD = "AuthenticAMD"  # how its processors name themselves


def wide(dtype: torch.dtype) -> torch.dtype:
    """In which sums for weights of this dtype are made: of 32 bits at the least."""
    return torch.promote_types(dtype, torch.float32)


def joined_factors(lows: Sequence[tuple[LowRank, float]]) -> Iterator[Factors]:
    """(up, down, m), small ranks joined."""
    group: list[tuple[LowRank, float]] = []
    for low, m in lows:
        if group and sum(one.up.shape[1] for one, _ in (*group, (low, m))) > JOINED:
            yield _joined(group)
            group = []
        group.append((low, m))
    yield _joined(group)


def _joined(group: Sequence[tuple[LowRank, float]]) -> Factors:
    if len(group) == 1:
        ((low, m),) = group
        return low.up, low.down.flatten(1), m
    up = torch.cat([low.up * m for low, m in group], dim=1)
    return up, torch.cat([low.down.flatten(1) for low, _ in group]), 1.0


def write_sum(start: Tensor, factors: Sequence[Factors], out: Tensor) -> None:
    """out = start + Σ m · up · down, (o, …) + (o, r) (r, …), in the factors' dtype, rounded once.

    In a dtype of its own the layer is not there besides, but a block of rows at a time.
    """
    dtype = factors[0][0].dtype
    add = fastest(factors[0][0])
    if not (start.is_contiguous() and out.is_contiguous()):
        plain = torch.empty(start.shape, dtype=dtype, device=start.device)
        write_sum(start.contiguous(), factors, plain)
        out.copy_(plain)
        return
    start, out = start.flatten(1), out.flatten(1)
    rows = len(out)
    if out.device.type == "cpu":
        rows = max(1, BLOCK * torch.get_num_threads() // out.shape[1])
    for begin in range(0, len(out), rows):
        some = slice(begin, begin + rows)
        now, target = start[some].to(dtype), out[some]
        total = target if target.dtype is dtype else torch.empty_like(now)
        for up, down, m in factors:
            add(now, up[some], down, m, total)
            now = total
        if total is not target:
            target.copy_(total)


def by_blas(start: Tensor, up: Tensor, down: Tensor, m: float, out: Tensor) -> None:
    """By torch's own product, on every device and for every dtype."""
    torch.addmm(start, up, down, alpha=m, out=out)


def by_onednn(start: Tensor, up: Tensor, down: Tensor, m: float, out: Tensor) -> None:
    """By the operator that torch.compile makes of a linear layer; of 32 bits alone."""
    product = torch.ops.mkldnn._linear_pointwise(up, down.t(), None, "none", [], "")
    torch.add(start, product, alpha=m, out=out)


def fastest(like: Tensor) -> AddProduct:
    """For matrices of its dtype on its device."""
    if like.device.type == "cpu" and like.dtype is torch.float32 and _onednn_is_faster():
        return by_onednn
    return by_blas


@cache
def _onednn_is_faster() -> bool:
    try:
        wide = torch.backends.cpu.get_cpu_capability() == "AVX512"
        mkl = torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
        return bool(mkl) and wide and AMD in _processor() and _is_right()
    except (RuntimeError, AttributeError, TypeError):  # another torch, or one built without it
        return False


def _processor() -> str:
    """How it names itself, among other things."""
    try:
        return PROCESSOR.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()  # on Windows "AMD64 Family 25 Model 97 …, AuthenticAMD"


def _is_right() -> bool:
    """Nobody promises that oneDNN's operator stays what it is: whether it means what it meant."""
    up, down = (
        torch.arange(n, device="cpu", dtype=torch.float32).view(-1, width)
        for n, width in ((6, 2), (8, 4))
    )
    want, got = (torch.ones(3, 4, device="cpu", dtype=torch.float32) for _ in range(2))
    by_blas(want, up, down, 0.5, want)
    by_onednn(got, up, down, 0.5, got)
    return torch.allclose(want, got)
