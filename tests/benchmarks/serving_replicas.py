"""Two replicas under Ray, 16 LoRAs, room for 4 in each: our router against round robin.

    python tests/benchmarks/serving_replicas.py [--requests 160] [--slow 0.6] [--zipf 0]

Needs Ray (`install.py test --cluster`). The small model draws on this machine's CPUs; a disk that
is `--slow` seconds slower stands for the network that LoRA files come over. Both routers get the
same requests at the same times, at `--share` of what the replicas draw when they have nothing
else to do, which is measured first. Beside each, what serving_fleet.py makes of the same requests,
with the times for a batch, a file and all else that this very run has measured.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)

TESTS = Path(__file__).resolve().parent.parent
LORAS, CACHE, BATCH, READERS = 16, 4, 4, 4
Trace = list[tuple[float, frozenset[str]]]


def measured_model(base: type[Any]) -> type[Any]:
    """A replica that reads slowly, and remembers how long its batches took."""

    class MeasuredModel(base):  # type: ignore[misc, valid-type]
        def __init__(self, words: Sequence[str]) -> None:
            import os
            import time

            super().__init__(words)
            service = self.replica.service
            read, measured = service.loading._read, service.drawer.measured
            self.batches: list[tuple[int, float]] = []

            def slowly(load: Any) -> Any:
                time.sleep(float(os.environ["SLOW"]))
                return read(load)

            def remember(facts: Any) -> None:
                self.batches.append((facts.pictures, facts.seconds))
                measured(facts)

            service.loading._read = slowly
            service.drawer.measured = remember

        async def ask(self, what: str) -> Any:
            if what == "batches":
                return self.batches
            return await super().ask(what)

    return MeasuredModel


@contextmanager
def replicas(words: Sequence[str], router: type[Any], slow: float) -> Iterator[Any]:
    """A `RemoteService` of two replicas with that router."""
    from live_lora.serving.ray_app import RayModel, model_deployment
    from live_lora.serving.ray_replicas import RayReplicas
    from live_lora.serving.remote_service import RemoteService
    from ray import serve

    variables = {"SLOW": str(slow), "OMP_NUM_THREADS": "1"}
    model = model_deployment(
        words, 2, model=measured_model(RayModel), router=router, variables=variables
    )
    # A name of its own: the router of an application that is gone would go on under the same name.
    handle = serve.run(model, name=router.__name__, route_prefix=None)
    service = RemoteService(RayReplicas(handle))
    service.start()
    while len(service.ask_all("status")) < 2:
        time.sleep(0.2)
    yield service
    service.close()
    serve.delete(router.__name__)


def run(service: Any, trace: Trace, steps: int) -> tuple[list[float], int, int]:
    """Seconds until each picture was there; hits and misses."""
    from live_lora.app.request import GenerationRequest

    seconds = [0.0] * len(trace)
    before = counted(service)

    def ask(index: int, wanted: frozenset[str]) -> None:
        tags = "".join(f"<lora:style{name}:0.5>" for name in sorted(wanted))
        begin, over = time.perf_counter(), threading.Event()
        request = GenerationRequest((f"a red heart {tags}",), seed=index, steps=steps)
        job = service.submit(f"user {index % 8}", request)
        job.listeners.append(lambda one: over.set() if one.over else None)
        assert job.over or over.wait(300)
        job.demand()
        seconds[index] = time.perf_counter() - begin

    with ThreadPoolExecutor(64) as pool:
        begin = time.perf_counter()
        for index, (moment, wanted) in enumerate(trace):
            time.sleep(max(0.0, begin + moment - time.perf_counter()))
            pool.submit(ask, index, wanted)
    hits, misses = (after - b for after, b in zip(counted(service), before, strict=True))
    return seconds, hits, misses


def counted(service: Any) -> tuple[int, int]:
    text = service.metrics_text()
    found = {
        result: sum(
            int(value)
            for value in re.findall(rf'lora_cache_total{{.*result="{result}".*}} (\d+)', text)
        )
        for result in ("hit", "miss")
    }
    return found["hit"], found["miss"]


def batch_times(batches: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Seconds of one picture, and which part of that a further one adds: least squares."""
    sizes = np.array([[1.0, pictures - 1.0] for pictures, _ in batches])
    if len({pictures for pictures, _ in batches}) == 1:
        return float(np.mean([seconds for _, seconds in batches])), 1.0
    (first, more), *_ = np.linalg.lstsq(sizes, np.array([s for _, s in batches]), rcond=None)
    return float(first), float(more / first)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=160)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--slow", type=float, default=0.6)
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--wanted", type=int, default=1)
    parser.add_argument("--zipf", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with TemporaryDirectory() as folder, on_the_path(Path(folder)):
        compare(options, Path(folder))


@contextmanager
def on_the_path(folder: Path) -> Iterator[None]:
    """Ray's processes find this checkout."""
    (folder / "path").mkdir()
    (folder / "path" / "live_lora").symlink_to(TESTS.parent / "extension")
    os.environ["PYTHONPATH"] = str(folder / "path")
    yield


def compare(options: argparse.Namespace, folder: Path) -> None:
    import ray
    from live_lora.serving.ray_local import start_ray
    from live_lora.serving.ray_router import LoraRequestRouter
    from ray import serve
    from round_robin_router import RoundRobin

    words = server_words(folder)
    start_ray(4)
    serve.start(proxy_location="Disabled")
    trace: Trace = []
    found = {}
    for name, router in {"by LoRA": LoraRequestRouter, "round robin": RoundRobin}.items():
        with replicas(words, router, options.slow) as service:
            run(service, [(0.0, frozenset())] * 8, options.steps)  # warms up
            begin = time.perf_counter()
            run(service, [(0.0, frozenset())] * 16, options.steps)
            rate = 16 / (time.perf_counter() - begin)
            trace = trace or trace_of(options, rate)
            run(service, trace[:16], options.steps)
            seen = [len(one) for one in service.ask_all("batches")]
            outcome = run(service, trace, options.steps)
            every = service.ask_all("batches")
            batches = [
                batch for known, one in zip(seen, every, strict=True) for batch in one[known:]
            ]
            held = [len(one["resident"]) for one in service.ask_all("status")]
            found[name] = (*outcome, batches)
            asked = len(trace) / trace[-1][0]
            print(f"{name}: {rate:.2f} pictures/s at most, {asked:.2f} asked for; at the end the")
            print(f"replicas hold {held} LoRAs", flush=True)
    serve.shutdown()
    ray.shutdown()
    report(found, trace, options)


def server_words(folder: Path) -> list[str]:
    """What `live-lora serve` is started with, its LoRAs written to the folder."""
    from live_lora.app import load_model
    from tiny_models import ATTENTION, random_lora, save_kohya

    unet = load_model.load(device="cpu").pipeline.unet
    loras = folder / "loras"
    loras.mkdir()
    for index in range(LORAS):
        state = random_lora(unet, ATTENTION, rank=4, seed=index)
        save_kohya(loras / f"style{index}.safetensors", {"unet": state}, alpha=4)
    # What it takes in memory: a file has its names besides.
    size = sum(factor.nbytes for factor in state.values())
    room = str(size * (CACHE + 0.5) / (1 << 30))
    words = ["--lora-dir", str(loras), "--device", "cpu", "--batch", str(BATCH)]
    words += ["--lora-cache", room, "--log", "text", "--queue-per-user", "512", "--linger", "0"]
    return words


def trace_of(options: argparse.Namespace, rate: float) -> Trace:
    """When which LoRAs are asked for, at a share of that many pictures a second."""
    from serving_fleet import Load, arrivals

    shape = Load(
        *(LORAS, options.zipf, options.wanted, 1 / rate, 1.0),
        batch=1,
        share=options.share,
        requests=options.requests,
    )
    return list(arrivals(shape, 1, options.seed))


def report(found: Mapping[str, Any], trace: Trace, options: argparse.Namespace) -> None:
    """What was measured, beside what the simulation makes of it."""
    from serving_fleet import Load, simulate

    print(f"{'':12} in memory    p50 s    p95 s   simulated: in memory  p50 s  p95 s")
    shares = {}
    for name, (seconds, hits, misses, batches) in found.items():
        picture, extra = batch_times(batches)
        load = Load(
            *(LORAS, options.zipf, options.wanted, picture, extra, options.slow),
            readers=READERS,
            batch=BATCH,
            cache=CACHE,
        )
        guess = simulate(load, 2, name, trace)
        shares[name] = hits / (hits + misses)
        p50, p95 = np.percentile(seconds, [50, 95])
        print(
            f"{name:12} {shares[name]:9.0%} {p50:8.2f} {p95:8.2f} {guess[0]:21.0%} "
            f"{guess[1]:6.2f} {guess[2]:6.2f}  (p95: {guess[2] / p95:.2f} of what was measured)"
        )
        print(f"{'':12} a batch of n takes {picture:.3f} · (1 + {extra:.2f} · (n − 1)) s")
    print(f"hits: {shares['by LoRA'] / shares['round robin']:.2f} times round robin's")


if __name__ == "__main__":
    main()
