"""Layers inside a compiled model: a place in its graph for factors, empty while there are none.

A graph has the hooks that were there when it was made, and is made anew for every Python number
that changes. So these hooks stay, and all they use is tensors: the same graph serves every weight,
every LoRA whose ranks fit the same bucket, and every layer of the same shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..deltas import LowRank
from .cached_delta import HOST, OUT_OF_MEMORY, pinned
from .choice import Choice
from .layer_patch import LayerPatch
from .layers import Site
from .slots import SLOT, Slot, SlotsInUse, conv_hook, linear_hook
from .weight_table import WeightTable

SMALLEST = 16  # ranks are filled up with zeros to 16, 32, 64, …


class CompiledSlots:
    """The slots of a model that is about to be compiled, on all its layers that can have one."""

    def __init__(self, sites: Iterable[Site]) -> None:
        self.switch = SlotsInUse()
        self.slots: dict[nn.Module, Slot] = {}
        self._handles = []
        for site in sites:
            if _takes_a_slot(site):
                self.slots[site.module] = slot = Slot(self.switch)
                setattr(site.module, SLOT, slot)
                hook = conv_hook if site.kind == "conv" else linear_hook
                self._handles.append(site.module.register_forward_hook(hook))

    def remove(self) -> None:
        """The model is as it was; graphs made with the slots are not used any more."""
        for handle in self._handles:
            handle.remove()
        for module in self.slots:
            delattr(module, SLOT)
        self.slots.clear()

    @contextmanager
    def running(
        self,
        patches: Sequence[LayerPatch],
        table: WeightTable,
        choice: Choice,
        heard: Set[int] | None = None,
    ) -> Iterator[None]:
        """The patches act inside this context: in slots, or folded.

        `heard` comes to hold the columns that had a weight when the model was called, where
        somebody listens: a graph counts its slots, but not that it reads a folded weight.
        """
        acting = CompiledRun(self, patches, table, choice, heard)
        table.changed.append(acting.settle)
        table.moved.append(acting.moved)
        try:
            acting.settle()
            yield
        finally:
            table.changed.remove(acting.settle)
            acting.release()


class CompiledRun:
    """The patches of one run on a compiled model."""

    def __init__(
        self,
        slots: CompiledSlots,
        patches: Sequence[LayerPatch],
        table: WeightTable,
        choice: Choice,
        heard: Set[int] | None,
    ) -> None:
        self.slots, self.patches, self.table, self.choice = slots, patches, table, choice
        self.heard = heard
        self.slotted: list[LayerPatch] = []
        self.varying: list[LayerPatch] = []
        self.seen: set[LayerPatch] = set()  # all that ever were in a slot
        self.acted: set[int] = set()  # columns that ever had a weight
        self.folded: set[LayerPatch] = set()  # all that ever were folded

    def settle(self) -> None:
        """For the present shape of the weights: constant ones are folded, others go into slots."""
        columns = {term.column for patch in self.patches for term in patch.terms}
        self.acted |= {column for column in columns if self.table.acts(column)}
        self.slotted, self.varying = [], []
        for patch in self.patches:
            key = [self.table.shapes[term.column] for term in patch.terms]
            uniform = not any(isinstance(shape, tuple) for shape in key)
            if all(shape == 0.0 for shape in key):
                self._unfold(patch)
                continue
            can_slot = patch.site.module in self.slots.slots and _factored(patch)
            constant = uniform and None not in key
            prefers_fold = self.choice.executor != "hooked" and (constant or not can_slot)
            wanted = uniform and (prefers_fold or not can_slot)
            if wanted and self._foldable(patch) and self._fold(patch):
                self.varying += [] if constant else [patch]
                continue
            self._unfold(patch)
            if can_slot:
                self.slotted.append(patch)
                self.seen.add(patch)
                self.choice.how[patch] = "in the compiled graph"
            else:
                self.choice.refused.add(patch.site.path)
        self._fill_slots()

    def moved(self) -> None:
        """Other weights of the same shape: folded anew; the slots' tensors follow by themselves."""
        if not all(self._fold(patch) for patch in self.varying):
            self.settle()  # one was folded before, but there was no room to do so again

    def release(self) -> None:
        """The model is itself again; what its graph has run is known now."""
        self.slots.switch.on = False
        self._remember_calls()
        for slot in self.slots.slots.values():
            slot.down = slot.up = slot.scale = slot.calls = None
        for patch in self.patches:
            patch.release()

    def _remember_calls(self) -> None:
        slotted = {patch: self.slots.slots[patch.site.module].calls for patch in self.seen}
        counters = {patch: calls for patch, calls in slotted.items() if calls is not None}
        # One wait for the device.
        calls = torch.stack(list(counters.values())).tolist() if counters else []
        for patch, count in zip(counters, calls, strict=True):
            if count:
                patch.remember(self.acted)
        for patch in self.folded:
            patch.remember(self.acted if self.heard is None else self.heard)

    def _foldable(self, patch: LayerPatch) -> bool:
        deltas = [term.cached.delta for term in patch.terms]
        return self.choice.possible(patch) and patch.fold is not None and patch.fold.fits(deltas)

    def _unfold(self, patch: LayerPatch) -> None:
        if patch.fold is not None:
            patch.fold.undo()

    def _fold(self, patch: LayerPatch) -> bool:
        """False where there was no memory for it after all."""
        try:
            patch.fold_now()
        except OUT_OF_MEMORY:
            self.choice.give_up(patch)
            return False
        self.folded.add(patch)
        self.choice.how[patch] = "folded"
        return True

    def _fill_slots(self) -> None:
        """On the device, or in host memory where that is full."""
        streamed = self._streams
        try:
            self._fill_all()
        except OUT_OF_MEMORY:
            streaming = self.slotted[0].streaming
            if streaming is None or streamed:
                raise
            streaming.start()
        if self._streams and not streamed:
            self._fill_all()
        self.slots.switch.on = bool(self.slotted)

    @property
    def _streams(self) -> bool:
        return any(patch.streaming is not None and patch.streaming.on for patch in self.slotted)

    def _fill_all(self) -> None:
        most = max((sum(_ranks(patch)) for patch in self.slotted), default=0)
        bucket = max(SMALLEST, 1 << (most - 1).bit_length()) if most else 0
        for slot in self.slots.slots.values():
            slot.down = slot.up = slot.scale = None
        for patch in self.slotted:
            self._fill(self.slots.slots[patch.site.module], patch, bucket)

    def _fill(self, slot: Slot, patch: LayerPatch, bucket: int) -> None:
        stored = patch.site.stored
        where = torch.device(HOST) if self._streams else stored.device
        with torch.no_grad(), torch.inference_mode(False):
            lows = [term.factors(where, stored.dtype) for term in patch.terms]
            empty = bucket - sum(_ranks(patch))
            down = F.pad(_cat(lows, "down", 0), [0, 0] * (len(patch.layer.shape) - 1) + [0, empty])
            up = F.pad(_cat(lows, "up", 1), [0, empty])
            if self._streams:
                down, up = pinned(down), pinned(up)
            if slot.calls is None:
                slot.calls = torch.zeros((), dtype=torch.int64, device=stored.device)
        slot.down = down
        slot.up = up[:, :, None, None] if patch.layer.kind == "conv" else up
        columns = [term.column for term in patch.terms]
        slot.scale = self.table.vector(columns, _ranks(patch), stored, bucket)


def _cat(lows: Sequence[LowRank], name: str, dim: int) -> Tensor:
    return torch.cat([getattr(low, name) for low in lows], dim)


def _ranks(patch: LayerPatch) -> list[int]:
    lows = [cast(LowRank, term.cached.delta) for term in patch.terms]
    return [low.up.shape[1] for low in lows]


def _takes_a_slot(site: Site) -> bool:
    layer = site.layer()
    plain = layer.kind == "linear" or (layer.kind == "conv" and layer.padding_mode == "zeros")
    return plain and layer.groups == 1 and site.own_parameters() is not None


def _factored(patch: LayerPatch) -> bool:
    return all(term.factored for term in patch.terms)
