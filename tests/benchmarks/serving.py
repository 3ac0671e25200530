"""64 requests with 16 LoRA sets on the small model, drawn in four ways, paired in one run.

    python tests/benchmarks/serving.py [--requests 64] [--sets 16] [--steps 8] [--rounds 3] [--cold]

All requests are there from the beginning. "mixed": our queue, any sets in a batch. "by LoRA": the
same queue, one set in a batch, as servers do that patch the model. "one by one": our queue, one
picture at a time. "PEFT": diffusers with all adapters loaded beforehand and `set_adapters` between
users, one picture at a time. Every mixed picture is compared with its single one.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)
import torch
from live_lora.app import load_model
from live_lora.app.generator import Generator
from live_lora.app.request import GenerationRequest
from live_lora.hosts.attach import open_library
from live_lora.prompt import parse
from live_lora.serving import drawing_service
from live_lora.serving.admission import QueueLimits
from live_lora.serving.batch_limits import BatchLimits
from live_lora.serving.drawing_service import DrawingService, ServiceLimits
from live_lora.serving.jobs import DrawingJob
from live_lora.serving.mixing import kind_of
from live_lora.session.session import Options
from tiny_models import ATTENTION, random_lora, save_kohya

RANK = 4
Pictures = list[np.ndarray[Any, Any]]
Way = Callable[[Sequence[GenerationRequest]], "Outcome"]


@dataclass
class Outcome:
    """One way, one round: seconds until each request was answered, in all, of processors, and set
    changes."""

    latencies: list[float]
    seconds: float
    processor: float
    switches: int
    pictures: Pictures

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


def sets_of(names: Sequence[str]) -> list[list[str]]:
    """As many sets as LoRAs: two in each, as most requests of a large service have."""
    return [[name, names[(index + 1) % len(names)]] for index, name in enumerate(names)]


def requests_of(sets: Sequence[Sequence[str]], count: int, steps: int) -> list[GenerationRequest]:
    """One after the other through all sets: the worst order for who switches."""
    found = []
    for index in range(count):
        tags = "".join(f"<lora:{name}:0.5>" for name in sets[index % len(sets)])
        prompt = f"a red heart, number {index} {tags}"
        found.append(GenerationRequest((prompt,), seed=index, steps=steps))
    return found


def loras_in(request: GenerationRequest) -> tuple[str, ...]:
    return tuple(tag.name for tag in parse(request.prompts[0]).tags)


def by_queue(
    generator: Generator, requests: Sequence[GenerationRequest], batch: int, *, sort: bool = False
) -> Outcome:
    """Our server's queue; with `sort` a batch has one set of LoRAs."""
    limits = ServiceLimits(
        queue=QueueLimits(len(requests), len(requests)), batch=BatchLimits(batch), linger=0
    )
    whole = kind_of if not sort else lambda request: (kind_of(request), loras_in(request))
    drawing_service.kind_of = whole  # type: ignore[attr-defined]
    service = DrawingService(generator, limits)
    order: list[tuple[str, ...]] = []
    draw = service.drawer.draw

    def drawing(tasks: Any) -> None:
        order.append(loras_in(tasks[0].job.request) if tasks else ())
        draw(tasks)

    service.drawer.draw = drawing  # type: ignore[method-assign]
    begin, ended, jobs = time.perf_counter(), {}, []
    every = threading.Event()

    def over(job: DrawingJob) -> None:
        if job.over and job.id not in ended:
            ended[job.id] = time.perf_counter() - begin
            if len(ended) == len(requests):
                every.set()

    for index, request in enumerate(requests):
        job = service.submit(f"user {index % 8}", request)
        job.listeners.append(over)
        jobs.append(job)
    begin, processor = time.perf_counter(), time.process_time()
    service.start()
    every.wait()
    seconds, processor = time.perf_counter() - begin, time.process_time() - processor
    service.close()
    drawing_service.kind_of = kind_of  # type: ignore[attr-defined]
    switches = 0 if batch > 1 and not sort else _changes([one for one in order if one])
    pictures = [np.asarray(job.demand()[0].image, int) for job in jobs]
    return Outcome([ended[job.id] for job in jobs], seconds, processor, switches, pictures)


def by_peft(pipeline: Any, requests: Sequence[GenerationRequest], steps: int) -> Outcome:
    """diffusers as its documentation has it: adapters are loaded, and chosen for each user."""
    begin, processor, latencies, pictures = time.perf_counter(), time.process_time(), [], []
    before: tuple[str, ...] = ()
    switches = 0
    for request in requests:
        names = loras_in(request)
        if names != before:
            pipeline.set_adapters(list(names), adapter_weights=[0.5] * len(names))
            switches, before = switches + 1, names
        image = pipeline(
            parse(request.prompts[0]).text,
            negative_prompt="",
            num_inference_steps=steps,
            guidance_scale=4.0,
            generator=torch.Generator().manual_seed(request.seeds[0]),
        ).images[0]
        latencies.append(time.perf_counter() - begin)
        pictures.append(np.asarray(image, int))
    seconds, processor = time.perf_counter() - begin, time.process_time() - processor
    return Outcome(latencies, seconds, processor, switches, pictures)


def _changes(order: Sequence[tuple[str, ...]]) -> int:
    return sum(one != other for one, other in itertools.pairwise(order)) + 1


def distances(some: Pictures, others: Pictures) -> int:
    """The largest difference, of 255."""
    return max(int(np.abs(a - b).max()) for a, b in zip(some, others, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--sets", type=int, default=16)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cold", action="store_true", help="nothing is read or drawn before")
    options = parser.parse_args()
    names = [f"style{index}" for index in range(options.sets)]
    plain = load_model.load(device="cpu").pipeline
    plain.set_progress_bar_config(disable=True)
    with TemporaryDirectory() as folder:
        for seed, name in enumerate(names):
            state = random_lora(plain.unet, ATTENTION, rank=RANK, seed=seed)
            save_kohya(Path(folder) / f"{name}.safetensors", {"unet": state}, alpha=RANK)
            plain.load_lora_weights(
                {f"unet.{key}": value for key, value in state.items()}, adapter_name=name
            )
        checkpoint = load_model.load(device="cpu")
        generator = Generator(checkpoint, open_library(folder, Options()))
        requests = requests_of(sets_of(names), options.requests, options.steps)
        ways: dict[str, Way] = {
            "mixed": lambda some: by_queue(generator, some, options.batch),
            "by LoRA": lambda some: by_queue(generator, some, options.batch, sort=True),
            "one by one": lambda some: by_queue(generator, some, 1),
            "PEFT": lambda some: by_peft(plain, some, options.steps),
        }
        if not options.cold:
            for way in ways.values():  # each set is read and drawn once
                way(requests[: options.sets])
        compare(ways, requests, options.rounds)


def compare(ways: dict[str, Way], requests: Sequence[GenerationRequest], rounds: int) -> None:
    """The ways by turns; the ratio of a round is what counts on a busy machine."""
    every: dict[str, list[Outcome]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            every[name].append(way(requests))
    print(
        f"{'':12} pictures/s    p50 s    p95 s  switches  CPU s a picture  "
        "mixed is … times as fast  (in CPU time)"
    )
    for name, found in every.items():
        last = found[-1]
        ratios = [m.rate / o.rate for m, o in zip(every["mixed"], found, strict=True)]
        mixed = statistics.median(one.processor for one in every["mixed"])
        processor = statistics.median(one.processor for one in found)
        rate = statistics.median(one.rate for one in found)
        p50 = statistics.median(np.percentile(one.latencies, 50) for one in found)
        p95 = statistics.median(np.percentile(one.latencies, 95) for one in found)
        print(
            f"{name:12} {rate:10.2f} {p50:8.2f} {p95:8.2f} {last.switches:9} "
            f"{processor / len(requests):16.3f} {statistics.median(ratios):9.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}) {processor / mixed:14.2f}"
        )
    single = every["one by one"][-1].pictures
    for name in ("mixed", "PEFT"):
        furthest = distances(every[name][-1].pictures, single)
        print(f"{name} and one by one differ by {furthest} of 255")


if __name__ == "__main__":
    main()
