"""A x once for layers that are called with the same x: q, k and v of self-attention, k and v."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakValueDictionary

from torch import Tensor
from torch.nn import functional as F

from ..deltas import LowRank
from .layers import Patch
from .low_rank import Add, Over, by_number, by_place
from .spare_memory import SPARES

# Last part of a path: to_q, k_proj, value, add_q_proj. That all members really have the same
# input is checked at every call; the names only say for which layers it is worth looking.
PROJECTION = re.compile(r"(to_|add_)?(q|k|v|query|key|value)(_proj)?")


class Sharing(Patch, Protocol):
    """A patch that may share A x with others."""

    siblings: Sequence[Sharing]  # those that may have the same input, itself too

    def shareable(self, kind: tuple[Any, ...]) -> Member | None:
        """Settles it for a call of this kind, if it then can share; None where it cannot."""

    def replace(self, old: Add, new: Add) -> None:
        """`new` wherever it has `old`."""


@dataclass(frozen=True, slots=True)
class Member:
    """What of a layer can be shared: its arithmetic `alone`, with the weight `numbers[column]`.

    Masks `over` the places of its output are its own: they are on A x.
    """

    low: LowRank
    numbers: Sequence[float]
    column: int
    over: Over | None
    otherwise: Add
    alone: Add

    @classmethod
    def by_number(
        cls, low: LowRank, numbers: Sequence[float], column: int, otherwise: Add
    ) -> Member:
        """A linear layer with this low rank."""
        alone = by_number(low, numbers, column, otherwise)
        return cls(low, numbers, column, None, otherwise, alone)

    @classmethod
    def by_place(cls, low: LowRank, over: Over, otherwise: Add) -> Member:
        """The same under masks, the weights inside of B."""
        return cls(low, (1.0,), 0, over, otherwise, by_place(low, over, None, otherwise))

    def within(self, down: Tensor) -> Member:
        """The same with this A, a part of a joined one, so that its own needs no memory."""
        low = LowRank(down, self.low.up, common=self.low.common)
        if self.over is not None:
            return Member.by_place(low, self.over, self.otherwise)
        return Member.by_number(low, self.numbers, self.column, self.otherwise)


class InputGroup:
    """Layers with one input. The first that meets an x computes A x for all, each takes its part.

    `held` is (x, its version, the parts not yet taken); whoever takes the last one lets go of it.
    Where all have the same A, there is one part, for all.
    """

    def __init__(self, members: Mapping[Sharing, Member]) -> None:
        self.held: tuple[Tensor, int, dict[Sharing, Tensor]] | None = None
        self.left = 0  # how often in succession parts were left: by an error, or layers not called
        lows = [member.low for member in members.values()]
        self.ranks = [low.down.shape[0] for low in lows]
        first = lows[0]
        self.same = first.common is not None and all(low.common == first.common for low in lows)
        if self.same:
            self.down, parts = first.down, [first.down] * len(lows)
        else:
            self.down = SPARES.joined([low.down for low in lows], 0)  # (Σ r, i)
            parts = list(self.down.split_with_sizes(self.ranks))
        self.members = {
            patch: member.within(part)
            for (patch, member), part in zip(members.items(), parts, strict=True)
        }
        # The layers hold these, and these the group: with them it goes, and its memory.
        self.forms: WeakValueDictionary[Sharing, Add] = WeakValueDictionary()
        for patch, member in members.items():
            form = self.forms[patch] = self._settled(patch, self.members[patch])
            patch.replace(member.alone, form)

    def _settled(self, patch: Sharing, member: Member) -> Add:
        """As the member alone, with A x from the group: 4 kernels for q, k and v together, under
        masks 7.
        """
        numbers, column, otherwise, over = member.numbers, member.column, member.alone, member.over
        up_t = member.low.up.t()
        outputs, dtype, device = up_t.shape[1], up_t.dtype, up_t.device
        down, ranks, total, members = self.down, self.ranks, self.down.shape[0], self.members
        same, count = self.same, len(self.ranks)

        def add(x: Tensor, out: Tensor) -> Tensor:
            if (
                x.dtype is not dtype
                or out.dtype is not dtype
                or x.device != device
                or out.requires_grad
                or not out.is_contiguous()
            ):
                return otherwise(x, out)
            # Inference tensors have no version; nobody writes on what two layers are yet to read.
            version = -1 if x.is_inference() else x._version
            held = self.held
            if held is None or held[0] is not x or held[1] != version or patch not in held[2]:
                if held is not None and self._differ(patch, held[2]):
                    return self._parted(patch, x, out)
                h = F.linear(x, down).view(-1, total)
                parts = [h] * count if same else h.split_with_sizes(ranks, 1)
                held = self.held = (x, version, dict(zip(members, parts, strict=True)))
            part = held[2].pop(patch)  # (rows · tokens, r)
            if not held[2]:
                self.held, self.left = None, 0
            if over is not None:
                part = (part.view(*x.shape[:-1], -1) * over(out)).view(len(part), -1)
            out.view(-1, outputs).addmm_(part, up_t, alpha=numbers[column])
            return out

        return add

    def _differ(self, patch: Sharing, rest: Mapping[Sharing, Tensor]) -> bool:
        self.left += 1
        return patch in rest or self.left > 2

    def _parted(self, patch: Sharing, x: Tensor, out: Tensor) -> Tensor:
        """They have not all the same input: who has taken a part of it is apart from the rest."""
        assert self.held is not None
        rest, self.held = self.held[2], None
        for patch_, member in self.members.items():
            if (form := self.forms.get(patch_)) is not None:
                patch_.replace(form, member.alone)
        for apart in (self.members.keys() - rest.keys(), rest.keys()):
            if 1 < len(apart) < len(self.members):
                InputGroup({one: m for one, m in self.members.items() if one in apart})
        return patch.add(x, out)


def find_siblings(patches: Iterable[Sharing]) -> None:
    """Tells the layers of one attention of each other, where their inputs may be the same."""
    found: dict[tuple[str, bool, int], list[Sharing]] = {}
    for patch in patches:
        parent, _, name = patch.site.path.rpartition(".")
        if patch.site.kind == "linear" and PROJECTION.fullmatch(name):
            width = patch.site.shape[1]
            found.setdefault((parent, name.startswith("add_"), width), []).append(patch)
    for group in found.values():
        for patch in group:
            patch.siblings = group
