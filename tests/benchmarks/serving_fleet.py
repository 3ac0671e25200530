"""On paper: many machines, thousands of LoRAs. How far does it help to route requests by LoRA?

    python tests/benchmarks/serving_fleet.py [--picture 3.0] [--load 0.5] [--cache 64]

A simulation, checked against no real cluster yet. Requests arrive at random at `--share` of what
the machines can draw; each wants two LoRAs of 7,000, the n-th most popular one 1/n as often as the
first (Zipf), as in the trace of Katz (ATC '25), where 91 % of requests have two. A machine reads a
request's files while others are drawn, and draws up to `--batch` pictures at once; a further one
costs `--extra` times the first one's time (1: doubling the batch doubles the time). "by LoRA" sends
a request to the machine where reading and waiting together are shortest, "shortest queue" to the
one with the fewest requests.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, count

ROUTINGS = ("by LoRA", "shortest queue", "round robin")
Wanted = frozenset[int]


@dataclass(frozen=True, slots=True)
class Load:
    loras: int
    zipf: float
    picture: float
    extra: float
    load: float
    batch: int
    cache: int
    share: float
    requests: int

    @property
    def batch_seconds(self) -> float:
        return self.seconds(self.batch)

    def seconds(self, pictures: int) -> float:
        return self.picture * (1 + self.extra * (pictures - 1))


@dataclass(slots=True)
class Machine:
    held: OrderedDict[int, None] = field(default_factory=OrderedDict)
    line: list[tuple[float, float]] = field(default_factory=list)  # (ready at, asked at)
    drawing: int = 0
    free_at: float = 0.0
    read_until: float = 0.0

    @property
    def waiting(self) -> int:
        return len(self.line) + self.drawing

    def read(self, wanted: Wanted, load: Load, now: float) -> tuple[int, float]:
        """How many LoRAs were missing, and when all are there; one file at a time."""
        missing = len(wanted - self.held.keys())
        for name in sorted(wanted):
            self.held[name] = None
            self.held.move_to_end(name)
        while len(self.held) > load.cache:
            self.held.popitem(last=False)
        if not missing:
            return 0, now
        self.read_until = max(self.read_until, now) + missing * load.load
        return missing, self.read_until


def simulate(load: Load, machines: int, routing: str, seed: int = 0) -> tuple[float, float, float]:
    """Share of LoRAs that were there; median and 95th percentile of seconds to a picture."""
    fleet = [Machine() for _ in range(machines)]
    turns, number = count(), count()
    missed, seconds = 0, []
    events: list[tuple[float, int, int | None, Wanted]] = [
        (moment, next(number), None, wanted) for moment, wanted in arrivals(load, machines, seed)
    ]
    heapq.heapify(events)
    while events:
        now, _, index, wanted = heapq.heappop(events)
        if index is None:
            index = chosen(fleet, wanted, load, routing, next(turns))
            fewer, ready = fleet[index].read(wanted, load, now)
            missed += fewer
            fleet[index].line.append((ready, now))
            if ready > now:
                heapq.heappush(events, (ready, next(number), index, wanted))
        machine = fleet[index]
        if machine.free_at > now:
            continue
        machine.drawing = 0
        batch = [one for one in machine.line if one[0] <= now][: load.batch]
        if batch:
            machine.line = [one for one in machine.line if one not in batch]
            machine.drawing = len(batch)
            machine.free_at = now + load.seconds(len(batch))
            seconds += [machine.free_at - asked for _, asked in batch]
            heapq.heappush(events, (machine.free_at, next(number), index, wanted))
    ordered = sorted(seconds)
    middle, late = (ordered[int(len(ordered) * share)] for share in (0.5, 0.95))
    return 1 - missed / (2 * load.requests), middle, late


def chosen(fleet: Sequence[Machine], wanted: Wanted, load: Load, routing: str, turn: int) -> int:
    """The machine for a request."""
    if routing == "round robin":
        return turn % len(fleet)
    each = load.batch_seconds / load.batch

    def cost(index: int) -> tuple[float, int]:
        machine = fleet[index]
        missing = len(wanted - machine.held.keys()) if routing == "by LoRA" else 0
        return machine.waiting * each + missing * load.load, (index - turn) % len(fleet)

    return min(range(len(fleet)), key=cost)


def arrivals(load: Load, machines: int, seed: int) -> Iterator[tuple[float, Wanted]]:
    """A Poisson process."""
    chance = random.Random(seed)
    weights = list(accumulate(1 / rank**load.zipf for rank in range(1, load.loras + 1)))
    rate = load.share * machines * load.batch / load.batch_seconds
    now = 0.0
    for _ in range(load.requests):
        now += chance.expovariate(rate)
        wanted: set[int] = set()
        while len(wanted) < min(2, load.loras):
            wanted.update(chance.choices(range(load.loras), cum_weights=weights))
        yield now, frozenset(wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loras", type=int, default=7000)
    parser.add_argument("--zipf", type=float, default=1.0)
    parser.add_argument("--picture", type=float, default=3.0, help="seconds")
    parser.add_argument("--extra", type=float, default=1.0)
    parser.add_argument("--load", type=float, default=0.5, help="seconds to read a LoRA")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--cache", type=int, default=64, help="LoRAs a machine holds")
    parser.add_argument("--share", type=float, default=0.7)
    parser.add_argument("--requests", type=int, default=4000)
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
