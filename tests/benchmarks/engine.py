"""What LoRAs cost: live hooks and folds beside what others do, ratios paired in one run.

    python tests/benchmarks/engine.py [--size 256] [--ranks 32 128] [--counts 1 4 8] [--rounds 2]
    python tests/benchmarks/engine.py --only steps switch --rounds 5  # or rows, peft, sdxl
    python tests/benchmarks/engine.py --full      # on a GPU: half precision and larger pictures

A full-size SD 1.5 UNet with random weights, and one block of SDXL's, ten layers deep. On a CPU all
is on one core. Every round times one step of each way, each round in another order, and the
shortest of each counts, as whatever else the machine does only adds. `bare/bare` is how far two
equal ways came apart so: what lies inside of that is not measurable here; more rounds help. Of
later ranks than the first there are the steps and switches of the fewest and of the most LoRAs.
Needs about 12 GB.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)

sys.path.insert(0, str(Path(__file__).resolve().parent))
import full_size
from engine_ways import STEPS, Bench, seconds
from live_lora.engine.costs import measured

PARTS = ("steps", "switch", "rows", "peft", "sdxl")
WAYS = ("hooked", "folded", "automatic")
SMALL = 64  # pixels: a switch costs the same for every size, and small steps drown it less
Way = Callable[[], tuple[float, ...]]  # what it took, in seconds


def shortest(ways: Mapping[str, Way], rounds: int) -> dict[str, tuple[float, ...]]:
    """The shortest times of each way."""
    found = by_turns(ways, rounds)
    return {name: tuple(map(min, zip(*times, strict=True))) for name, times in found.items()}


def by_turns(ways: Mapping[str, Way], rounds: int) -> dict[str, list[tuple[float, ...]]]:
    """The times of each way, all of them once a round, forwards and backwards by turns."""
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds):
        shift = number // 2 % len(names)
        for name in (names[shift:] + names[:shift])[:: -1 if number % 2 else 1]:
            found[name].append(ways[name]())
    return found


def floor(bench: Bench, count: int) -> float:
    """The low-rank FLOPs beside the bare ones: what hooking must cost at the least."""
    from torch.utils.flop_counter import FlopCounterMode

    def product(out: Any, a: Any, b: Any, **options: Any) -> int:
        return int(2 * torch.Size(a).numel() * b[-1])

    mapping = {torch.ops.aten.addmm_: product, torch.ops.aten.baddbmm_: product}
    totals = []
    for prompt in ("", bench.prompt(count)):
        with bench.live("hooked", prompt):
            bench.call()
            with FlopCounterMode(display=False, custom_mapping=mapping) as flops:
                bench.call()
        totals.append(flops.get_total_flops())
    return totals[1] / totals[0]


def bare(bench: Bench) -> tuple[float]:
    return (seconds(bench.call),)


def live(bench: Bench, executor: str, count: int) -> tuple[float, float]:
    """Until the first step is done and again after the last, and a step in between."""
    begun, leave = bench.ours(executor, count)
    step = seconds(bench.call)
    return begun + seconds(leave), step


def merged(bench: Bench, count: int) -> tuple[float]:
    """With backup, and back."""
    backup: dict[nn.Module, Tensor] = {}
    begun = seconds(lambda: bench.merge(count, backup))
    return (begun + seconds(lambda: bench.restore(backup)),)


def merged_in_place(bench: Bench, count: int) -> tuple[float]:
    """Added and taken off again."""
    begun = seconds(lambda: bench.merge(count))
    return (begun + seconds(lambda: bench.merge(count, times=-1.0)),)


def steps(bench: Bench, count: int, rounds: int) -> None:
    """A step of each way, and a picture with what comes before it."""
    ways: dict[str, Way] = {name: partial(bare, bench) for name in ("bare", "again")}
    ways |= {name: partial(live, bench, name, count) for name in WAYS}
    found = shortest(ways, rounds)
    base, least = found["bare"][0], floor(bench, count)
    print(
        f"\n{bench.name}, {bench.size} pixels, rank {bench.rank}, {count} LoRAs: bare {base:.3f} s"
    )
    print(f"  bare/bare {found['again'][0] / base:.3f}, FLOP floor of hooking {least:.3f}")
    base = min(base, found["again"][0])
    print("             step/bare   20-step picture/bare")
    for name in WAYS:
        whole, step = found[name]
        picture = (whole - step + STEPS * step) / (STEPS * base)
        print(f"  {name:10}  {step / base:8.3f}     {picture:8.3f}")
    print(f"  memory beyond the model: {bench.memory(count)}", flush=True)


def switch(bench: Bench, count: int, rounds: int) -> None:
    """What is to be done before and after a picture, beside merging.

    A small difference of two large times: each taken from its own round's, their median counts.
    """
    ways: dict[str, Way] = {name: partial(live, bench, name, count) for name in WAYS[:2]}
    ways["merge with backup"] = partial(merged, bench, count)
    ways["merge in place"] = partial(merged_in_place, bench, count)
    found = {
        name: median(whole - sum(step) for whole, *step in times)
        for name, times in by_turns(ways, rounds).items()
    }
    merge = found["merge with backup"]
    print(f"\na switch: {bench.name}, rank {bench.rank}, {count} LoRAs")
    for name, took in found.items():
        print(f"  {name:18} {took:8.4f} s   {took / merge:.3f} of the merge", flush=True)


def rows(bench: Bench, rounds: int) -> None:
    """Four pictures with four LoRAs, beside four with one and the same."""
    noise, text = bench.noise, bench.text
    bench.noise, bench.text = noise.repeat(2, 1, 1, 1), text.repeat(2, 1, 1)
    same = [f"<lora:{bench.files[0].stem}:0.7>"] * 4
    own = [f"<lora:{path.stem}:0.7>" for path in bench.files[:4]]

    def drawn(prompt: list[str]) -> tuple[float]:
        with bench.live("hooked", prompt):
            bench.call()
            return (seconds(bench.call),)

    ways: dict[str, Way] = {name: partial(bare, bench) for name in ("bare", "again")}
    ways |= {"one": partial(drawn, same), "four": partial(drawn, own)}
    found = {name: times[0] for name, times in shortest(ways, rounds).items()}
    bench.noise, bench.text = noise, text
    base = min(found["bare"], found["again"])
    one, four = found["one"] / base, found["four"] / base
    print(f"\nfour pictures, rank {bench.rank}, hooked: one LoRA on all {one:.3f} of bare,")
    print(f"  four different ones {four:.3f}: {100 * (four - one):+.1f} points")
    print(f"  bare/bare {found['again'] / found['bare']:.3f}", flush=True)


def peft(bench: Bench, counts: Sequence[int], rounds: int) -> None:
    """PEFT's adapters beside each other, and fused; last, as it changes the model's modules."""
    touched = set(bench.modules[0].values())
    names = [path for path, module in bench.unet.named_modules() if module in touched]
    config = LoraConfig(
        r=bench.rank, lora_alpha=bench.rank, target_modules=names, init_lora_weights=False
    )
    for index in range(max(counts)):
        inject_adapter_in_model(config, bench.unet, adapter_name=f"a{index}")
    layers = [m for m in bench.unet.modules() if isinstance(m, LoraLayer)]

    def stepped(count: int) -> tuple[float]:
        for layer in layers:
            layer.set_adapter([f"a{index}" for index in range(count)])
            layer.enable_adapters(count > 0)
        return (seconds(bench.call),)

    for layer in layers:
        layer.to(next(bench.unet.parameters()))
    ways: dict[str, Way] = {str(count): partial(stepped, count) for count in (0, *counts)}
    found = {name: times[0] for name, times in shortest(ways, rounds).items()}
    print(f"\nPEFT, rank {bench.rank}: step/bare with set_adapters")
    for count in counts:
        stepped(count)
        fused = seconds(lambda: [layer.merge() for layer in layers])
        undone = seconds(lambda: [layer.unmerge() for layer in layers])
        print(
            f"  {count} LoRAs {found[str(count)] / found['0']:.3f}; fused in {fused:.3f} s,", end=""
        )
        print(f" unfused in {undone:.3f} s, with rounding errors left", flush=True)


def sdxl_block(dtype: torch.dtype, device: str, options: argparse.Namespace) -> None:
    """For pictures of twice the size, as SDXL is for."""
    block, most = full_size.SdxlBlock(dtype).to(device), max(options.counts)
    with TemporaryDirectory() as name:
        bench = Bench(block, Path(name), options.ranks[0], 2 * options.size, most, sdxl=True)
        for count in options.counts:
            steps(bench, count, options.rounds)
        bench.library.detach()


def sd15_unet(dtype: torch.dtype, device: str, options: argparse.Namespace) -> None:
    unet, most = full_size.sd15(dtype)["unet"].to(device), max(options.counts)
    for part in (one for one in PARTS if one in options.only and one != "sdxl"):
        for rank in options.ranks if part in ("steps", "switch") else options.ranks[:1]:
            counts = options.counts
            if rank != options.ranks[0]:
                counts = sorted({min(counts), max(counts)})
            with TemporaryDirectory() as name:
                size = SMALL if part == "switch" else options.size
                bench = Bench(unet, Path(name), rank, size, max(4, most))
                if part == "rows":
                    rows(bench, options.rounds)
                elif part == "peft":
                    peft(bench, options.counts, options.rounds)
                else:
                    for count in counts:
                        {"steps": steps, "switch": switch}[part](bench, count, options.rounds)
                bench.library.detach()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256, help="pixels")
    parser.add_argument("--ranks", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--full", action="store_true", help="on a GPU: 512 pixels in 16 bits")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    dtypes, device = [torch.float32], "cpu"
    if options.full:
        dtypes, device, options.size = [torch.float16, torch.bfloat16], "cuda", 512
        print(torch.cuda.get_device_name())
    elif hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        torch.set_num_threads(1)  # more would wait for each other on it
    gc.disable()
    for dtype in dtypes:
        print(dtype, measured(torch.device(device), dtype))
        if "sdxl" in options.only:
            sdxl_block(dtype, device, options)
        if options.only != ["sdxl"]:
            sd15_unet(dtype, device, options)


if __name__ == "__main__":
    main()
