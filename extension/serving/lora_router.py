"""Which replica a job goes to: one that holds its LoRAs, unless another one is done sooner."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

# Seconds for which what a job used counts as held after it: replicas tell it only now and then.
REMEMBERED = 5.0
USUAL_SECONDS = 1.0  # for a picture, or to read a LoRA, before a replica has measured it


@dataclass(frozen=True, slots=True)
class SentOrder:
    """What a job that is under way wants."""

    wanted: Collection[str]
    pictures: int


@dataclass(slots=True)
class ReplicaView:
    """What is known of one replica: `told` by itself, the orders that are with it, and the LoRAs
    of those that came back, each with the moment until which it counts as held.

    `busy_until` is when it will have drawn all that was sent to it, by what a picture takes there.
    """

    id: str
    told: Mapping[str, Any] = field(default_factory=dict)
    orders: dict[str, SentOrder] = field(default_factory=dict)
    used: dict[str, float] = field(default_factory=dict)
    busy_until: float = 0.0

    def holds(self, wanted: Collection[str], now: float) -> int:
        """How many of the LoRAs are there, or will be."""
        held = {*self.told.get("loras", ()), *self.loras_under_way}
        held.update(name for name, until in self.used.items() if now < until)
        return len(held.intersection(wanted))

    def sent(self, request: str, order: SentOrder, now: float) -> None:
        """An order is on its way to it."""
        self.orders[request] = order
        takes = order.pictures * self.picture_seconds
        self.busy_until = max(now, self.busy_until) + takes

    def over(self, request: str, now: float) -> None:
        """An order came back, whichever way; what it used is held a while longer."""
        self.used = {name: end for name, end in self.used.items() if now < end}
        if request in self.orders:
            wanted = self.orders.pop(request).wanted
            self.used.update(dict.fromkeys(wanted, now + REMEMBERED))
        self.busy_until = min(self.busy_until, now + self.pictures * self.picture_seconds)

    def waiting_seconds(self, now: float) -> float:
        """Until it could begin with something new: not just how much there is, but how far it is.

        What is overdue is expected to take as long again, and no longer than if it had just come.
        """
        left = min(abs(self.busy_until - now), self.pictures * self.picture_seconds)
        return max(left, int(self.told.get("waiting", 0)) * self.picture_seconds)

    @property
    def loras_under_way(self) -> set[str]:
        """Those of the orders that are with it."""
        return {name for order in self.orders.values() for name in order.wanted}

    @property
    def pictures(self) -> int:
        """How many were sent to it, and have not come back."""
        return sum(order.pictures for order in self.orders.values())

    @property
    def picture_seconds(self) -> float:
        """What one more picture takes, as part of a batch."""
        return float(self.told.get("picture_seconds") or USUAL_SECONDS)

    @property
    def load_seconds(self) -> float:
        """What it takes to read a LoRA."""
        return float(self.told.get("load_seconds") or USUAL_SECONDS)


def ranked(
    views: Sequence[ReplicaView], wanted: Collection[str], now: float | None = None
) -> list[ReplicaView]:
    """The best first: where waiting and reading will take the least time together.

    Where that is the same, a place that is the same for the same LoRAs (rendezvous hashing), so
    that each replica gets LoRAs of its own.
    """
    now = time.monotonic() if now is None else now
    key = " ".join(sorted(wanted))

    def rank(view: ReplicaView) -> tuple[float, bytes]:
        missing = len(wanted) - view.holds(wanted, now)
        seconds = view.waiting_seconds(now) + missing * view.load_seconds
        return seconds, blake2b(f"{view.id} {key}".encode(), digest_size=8).digest()

    return sorted(views, key=rank)


@dataclass(slots=True)
class LoraRouting:
    """The views of all replicas, kept up from what is sent and what comes back."""

    views: dict[str, ReplicaView] = field(default_factory=dict)
    _replica_of: dict[str, str] = field(default_factory=dict)  # by the request under way

    def choose(self, told: Mapping[str, Mapping[str, Any]], wanted: Collection[str]) -> list[str]:
        """The replicas' ids, the best first; `told` is what each says of itself."""
        self.views = {id: self.views.get(id, ReplicaView(id)) for id in told}
        for id, facts in told.items():
            self.views[id].told = facts
        return [view.id for view in ranked(list(self.views.values()), wanted)]

    def sent(self, request: str, replica: str, wanted: Collection[str], pictures: int) -> None:
        """A job went to that replica."""
        view = self.views.setdefault(replica, ReplicaView(replica))
        view.sent(request, SentOrder(wanted, pictures), time.monotonic())
        self._replica_of[request] = replica

    def over(self, request: str) -> None:
        """A job came back, whichever way."""
        view = self.views.get(self._replica_of.pop(request, ""))
        if view is not None:
            view.over(request, time.monotonic())
