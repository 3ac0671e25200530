"""Hooked or folded: decided for every layer, by what either would cost in the calls to come.

A hooked layer pays at every call, with its tokens; a folded one pays once, with its weights. Many
tokens on few weights are folded, few tokens on many weights (deep in a UNet) are hooked, and so is
all that runs once: text encoders, and hosts that never say how many steps there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from ..deltas import Delta, Layer
from .costs import Costs, known
from .folding import Fold, unfoldable
from .layers import Site
from .terms import Term
from .weight_table import CellShape, WeightTable

Executor = Literal["automatic", "hooked", "folded"]
EXECUTORS: tuple[Executor, ...] = ("automatic", "hooked", "folded")
MEMORY = Path("/proc/meminfo")
RESERVE = 1 / 8  # of a device's memory, that folding leaves alone


class Foldable(Protocol):
    """A layer that is to be hooked or folded."""

    site: Site
    layer: Layer
    terms: list[Term]
    fold: Fold | None


class Choice:
    """The choice for the layers of one run. `how` says which it was."""

    def __init__(
        self,
        executor: Executor,
        table: WeightTable,
        roots: Sequence[nn.Module],
        costs_file: Path | None = None,
    ) -> None:
        self.executor, self.table, self.costs_file = executor, table, costs_file
        self.costs: Costs | None = None  # measured where it is needed
        self.how: dict[Foldable, str] = {}
        self.refused: set[str] = set()  # layers that a compiled graph has no place for
        self.full = False  # whether a layer was not folded for want of memory
        self._roots = roots
        self._unfoldable: set[nn.Module] | None = None
        self._room: dict[torch.device, int] = {}

    def folds(self, patch: Foldable, key: Sequence[CellShape], x: Tensor) -> bool:
        """Whether the layer is folded for weights of these shapes, from the call with x on."""
        acting = [term for term, shape in zip(patch.terms, key, strict=True) if shape != 0.0]
        folds = bool(acting) and self._folds(patch, acting, key, x)
        if acting:
            self.how[patch] = "folded" if folds else "hooked"
        return folds

    def _folds(
        self, patch: Foldable, acting: Sequence[Term], key: Sequence[CellShape], x: Tensor
    ) -> bool:
        if (
            self.executor == "hooked"
            or being_traced()
            or any(term.mask for term in acting)
            or any(isinstance(shape, tuple) for shape in key)
        ):
            return False
        deltas = [term.cached.delta for term in acting]
        varying = [shape is None for shape in key if shape != 0.0]
        if self.executor == "automatic" and not self._cheaper(patch, deltas, varying, x):
            return False
        return self.possible(patch) and patch.fold is not None and patch.fold.fits(deltas)

    def possible(self, patch: Foldable) -> bool:
        """Gives the patch its fold, where the module is one and there is memory for a spare."""
        if patch.fold is not None:
            return True
        if self._unfoldable is None:
            self._unfoldable = set().union(*map(unfoldable, self._roots))
        parameters = patch.site.own_parameters()
        if parameters is None or patch.site.module in self._unfoldable:
            return False
        fold = Fold(patch.layer, *parameters)
        device = parameters[0].device
        room = self._room[device] if device in self._room else free_memory(device)
        if fold.nbytes > room:
            self.full = True
            return False
        self._room[device], patch.fold = room - fold.nbytes, fold
        return True

    def give_up(self, patch: Foldable) -> None:
        """There was no memory for its spare after all: it is hooked from now on."""
        if patch.fold is not None:
            patch.fold.undo()
        patch.fold, self.full, self.how[patch] = None, True, "hooked"
        if self._unfoldable is not None:
            self._unfoldable.add(patch.site.module)

    def _cheaper(
        self, patch: Foldable, deltas: Sequence[Delta], varying: Sequence[bool], x: Tensor
    ) -> bool:
        left = self.table.progress[0].steps - self.table.progress[0].step
        calls = 1 if any(varying) else left  # a spare with varying weights is for one step
        if left < 2:
            return False
        costs = self.costs or known(x.device, x.dtype, self.costs_file)
        hooked, folded = 0.0, 0.0
        for delta, varies in zip(deltas, varying, strict=True):
            at_call, once = costs.of(delta, patch.layer, _positions(patch.layer, x))
            # Beside varying ones, what stays the same is folded at every second step.
            again = 1.0 if varies or not any(varying) else 0.5
            hooked, folded = hooked + at_call, folded + again * once
        return costs.folding(patch.layer) + folded < calls * (costs.hook + hooked)

    def __str__(self) -> str:
        """For the report."""
        counts = Counter(self.how.values())
        parts = [f"{count} layers {how}" for how, count in sorted(counts.items())]
        text = f"{self.executor}: {', '.join(parts) or 'nothing to do'}"
        return f"{text}; no memory was left to fold more" if self.full else text


def being_traced() -> bool:
    """Is this call of a layer one of torch.compile's, which would trace all that is done here?"""
    asked = getattr(torch.compiler, "is_compiling", None)  # since torch 2.3
    return asked is not None and bool(asked())


def _positions(layer: Layer, x: Tensor) -> int:
    """For how many tokens or pixels of its output a layer computes."""
    if layer.kind != "conv":
        return x.numel() // max(1, x.shape[-1])
    return x.numel() // (x.shape[-3] * layer.stride[0] * layer.stride[1])


def free_memory(device: torch.device) -> int:
    """Bytes that may be taken, the reserve apart."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + cached - RESERVE * total)
    whole, available = _linux_memory("MemTotal"), _linux_memory("MemAvailable")
    if whole is None or available is None:
        return 4 << 30  # nobody tells
    return int(available - RESERVE * whole)


def _linux_memory(name: str) -> int | None:
    """Bytes, by the kernel's account, which counts what it could give back."""
    if not MEMORY.exists():
        return None
    lines = MEMORY.read_text(encoding="ascii").splitlines()
    return next(int(one.split()[1]) << 10 for one in lines if one.startswith(f"{name}:"))
