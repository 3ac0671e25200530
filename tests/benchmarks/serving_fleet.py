"""On paper: many machines, thousands of LoRAs. How far does it help to route requests by LoRA?

    python tests/benchmarks/serving_fleet.py [--picture 3.0] [--load 0.5] [--cache 64]

A simulation, held against two real replicas by serving_replicas.py. Requests arrive at random at
`--share` of what the machines can draw; each wants `--wanted` LoRAs of `--loras`, the n-th most
popular one 1/n as often as the first (Zipf), as in the trace of Katz (ATC '25), where 91 % of
requests have two of 7,000. A machine reads up to `--readers` files at once while others are drawn,
and draws up to `--batch` pictures at once; a further one costs `--extra` times the first one's time
(1: doubling the batch doubles the time). "by LoRA" is the server's own router (`ranked`), "shortest
queue" sends a request to the machine with the fewest.
"""

from __future__ import annotations

import argparse
import heapq
import random
import sys
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)
from live_lora.serving.lora_router import ReplicaView, SentOrder, ranked

ROUTINGS = ("by LoRA", "shortest queue", "round robin")
Wanted = frozenset[str]
Arrival = tuple[float, Wanted]  # seconds, and the LoRAs


@dataclass(frozen=True, slots=True)
class Load:
    """What machines and requests are like. `overhead` are seconds that each request takes beside
    being drawn."""

    loras: int = 7000
    zipf: float = 1.0
    wanted: int = 2
    picture: float = 3.0
    extra: float = 1.0
    load: float = 0.5
    readers: int = 4
    batch: int = 4
    cache: int = 64
    share: float = 0.7
    requests: int = 4000
    overhead: float = 0.0

    @property
    def batch_seconds(self) -> float:
        return self.seconds(self.batch)

    def seconds(self, pictures: int) -> float:
        return self.picture * (1 + self.extra * (pictures - 1))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that is with a machine."""

    id: str
    asked: float
    ready: float  # when all its LoRAs are there


@dataclass(slots=True)
class Machine:
    view: ReplicaView
    held: OrderedDict[str, None] = field(default_factory=OrderedDict)
    line: list[Waiting] = field(default_factory=list)
    drawn: list[Waiting] = field(default_factory=list)  # at present
    free_at: float = 0.0
    readers: list[float] = field(default_factory=list)  # when each is free
    coming: dict[str, float] = field(default_factory=dict)
    hits: int = 0
    misses: int = 0

    def take(self, id: str, wanted: Wanted, load: Load, now: float) -> float:
        """A request comes; when all its LoRAs are there. What is on its way to another request
        is neither a hit nor a miss."""
        self.view.sent(id, SentOrder(wanted, 1), now)
        ready = now
        for name in sorted(wanted):
            if name not in self.held:
                self.misses += 1
                free = heapq.heappop(self.readers)
                self.coming[name] = max(free, now) + load.load
                heapq.heappush(self.readers, self.coming[name])
            elif self.coming[name] <= now:
                self.hits += 1
            ready = max(ready, self.coming[name])
            self.held[name] = None
            self.held.move_to_end(name)
        # What requests wait for stays, as in the server, be it more than there is room for.
        free_to_go = [name for name in self.held if name not in self.view.loras_under_way]
        for name in free_to_go[: max(0, len(self.held) - load.cache)]:
            del self.held[name]
        self.line.append(Waiting(id, now, ready))
        return ready

    def draw(self, load: Load, now: float) -> list[Waiting]:
        """Ends a batch and begins the next one, which is returned."""
        for one in self.drawn:
            self.view.over(one.id, now)
        self.drawn = [one for one in self.line if one.ready <= now][: load.batch]
        for one in self.drawn:
            self.line.remove(one)
        self.free_at = now + (load.seconds(len(self.drawn)) if self.drawn else 0.0)
        return self.drawn


def simulate(
    load: Load, machines: int, routing: str, trace: Sequence[Arrival] | None = None, seed: int = 0
) -> tuple[float, float, float]:
    """Share of LoRAs that were there; median and 95th percentile of seconds to a picture."""
    views = [ReplicaView(str(index)) for index in range(machines)]
    fleet = [Machine(view, readers=[0.0] * load.readers) for view in views]
    for machine in fleet:
        seconds = load.batch_seconds / load.batch
        told = {"picture_seconds": seconds, "load_seconds": load.load}
        machine.view.told = {"loras": machine.held, **told}
    turns, number = count(), count()
    times: list[float] = []
    events: list[tuple[float, int, int | None, Wanted]] = [
        (moment, next(number), None, wanted)
        for moment, wanted in trace or arrivals(load, machines, seed)
    ]
    heapq.heapify(events)
    while events:
        now, id, index, wanted = heapq.heappop(events)
        if index is None:
            index = chosen(fleet, wanted, routing, next(turns), now)
            ready = fleet[index].take(str(id), wanted, load, now)
            if ready > now:
                heapq.heappush(events, (ready, next(number), index, wanted))
        machine = fleet[index]
        if machine.free_at <= now and (batch := machine.draw(load, now)):
            times += [machine.free_at - one.asked + load.overhead for one in batch]
            heapq.heappush(events, (machine.free_at, next(number), index, wanted))
    ordered = sorted(times)
    middle, late = (ordered[int(len(ordered) * share)] for share in (0.5, 0.95))
    hits = sum(machine.hits for machine in fleet)
    return hits / (hits + sum(machine.misses for machine in fleet)), middle, late


def chosen(fleet: Sequence[Machine], wanted: Wanted, routing: str, turn: int, now: float) -> int:
    """The machine for a request."""
    if routing == "round robin":
        return turn % len(fleet)
    if routing == "by LoRA":
        return int(ranked([machine.view for machine in fleet], wanted, now)[0].id)
    indices = [(turn + index) % len(fleet) for index in range(len(fleet))]
    return min(indices, key=lambda index: fleet[index].view.pictures)


def arrivals(load: Load, machines: int, seed: int) -> Iterator[Arrival]:
    """A Poisson process."""
    chance = random.Random(seed)
    weights = list(accumulate(1 / rank**load.zipf for rank in range(1, load.loras + 1)))
    names = [str(index) for index in range(load.loras)]
    rate = load.share * machines * load.batch / load.batch_seconds
    now = 0.0
    for _ in range(load.requests):
        now += chance.expovariate(rate)
        wanted: set[str] = set()
        while len(wanted) < min(load.wanted, load.loras):
            wanted.update(chance.choices(names, cum_weights=weights))
        yield now, frozenset(wanted)


def main() -> None:
    usual = Load()
    parser = argparse.ArgumentParser(description=__doc__)
    for name in Load.__dataclass_fields__:
        value = getattr(usual, name)
        parser.add_argument(f"--{name}", type=type(value), default=value)
    parser.add_argument("--machines", type=int, nargs="*", default=[1, 2, 4, 8, 16, 32, 64])
    options = vars(parser.parse_args())
    machines = options.pop("machines")
    load = Load(**options)
    print("machines  routing          in memory    p50 s    p95 s")
    for number in machines:
        for routing in ROUTINGS:
            hits, middle, late = simulate(load, number, routing)
            print(f"{number:8}  {routing:15} {hits:9.0%} {middle:9.1f} {late:8.1f}")


if __name__ == "__main__":
    main()
