"""Which replica a job goes to: one that holds its LoRAs, unless another one is done sooner."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

# Seconds for which what a job used counts as held after it: replicas tell it only now and then.
REMEMBERED = 5.0
USUAL_SECONDS = 1.0  # for a picture, or to read a LoRA, before a replica has measured it


@dataclass(slots=True)
class ReplicaView:
    """What is known of one replica: `told` by itself, and the LoRAs that were `sent` to it since,
    each with the moment until which it counts as held."""

    id: str
    told: Mapping[str, Any] = field(default_factory=dict)
    sent: dict[str, float] = field(default_factory=dict)
    pictures: int = 0  # sent, and not yet come back

    def holds(self, wanted: Collection[str], now: float) -> int:
        """How many of the LoRAs are there, or will be."""
        held = set(self.told.get("loras", ()))
        held.update(name for name, until in self.sent.items() if now < until)
        return len(held.intersection(wanted))

    def remember(self, wanted: Collection[str], until: float) -> None:
        """These LoRAs are on their way to it, or were used there just now."""
        now = time.monotonic()
        self.sent = {name: end for name, end in self.sent.items() if now < end}
        self.sent.update(dict.fromkeys(wanted, until))

    @property
    def waiting(self) -> int:
        """Pictures."""
        return max(self.pictures, int(self.told.get("waiting", 0)))

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
        seconds = view.waiting * view.picture_seconds + missing * view.load_seconds
        return seconds, blake2b(f"{view.id} {key}".encode(), digest_size=8).digest()

    return sorted(views, key=rank)


@dataclass(slots=True)
class LoraRouting:
    """The views of all replicas, kept up from what is sent and what comes back."""

    views: dict[str, ReplicaView] = field(default_factory=dict)
    _under_way: dict[str, tuple[str, Collection[str], int]] = field(default_factory=dict)

    def choose(self, told: Mapping[str, Mapping[str, Any]], wanted: Collection[str]) -> list[str]:
        """The replicas' ids, the best first; `told` is what each says of itself."""
        self.views = {id: self.views.get(id, ReplicaView(id)) for id in told}
        for id, facts in told.items():
            self.views[id].told = facts
        return [view.id for view in ranked(list(self.views.values()), wanted)]

    def sent(self, request: str, replica: str, wanted: Collection[str], pictures: int) -> None:
        """A job went to that replica."""
        view = self.views.setdefault(replica, ReplicaView(replica))
        view.remember(wanted, math.inf)
        view.pictures += pictures
        self._under_way[request] = (replica, wanted, pictures)

    def over(self, request: str) -> None:
        """A job came back, whichever way."""
        replica, wanted, pictures = self._under_way.pop(request, ("", (), 0))
        if replica in self.views:
            self.views[replica].pictures -= pictures
            self.views[replica].remember(wanted, time.monotonic() + REMEMBERED)
