"""What LoRAs cost: live hooks and folds beside what others do, ratios paired in one run.

    python tests/benchmarks/engine.py [--size 256] [--ranks 32 128] [--counts 1 4 8] [--rounds 5]
    python tests/benchmarks/engine.py --only sdxl  # or sd15
    python tests/benchmarks/engine.py --full      # on a GPU: half precision and larger pictures

A full-size SD 1.5 UNet with random weights, and one block of SDXL's, ten layers deep. Every round
times one step of each way, turn by turn, so that the machine's noise meets all; `bare/bare` is how
far two equal things came apart: what lies inside of that is not measurable here. Needs about 12 GB.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
from pathlib import Path
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


def compare(bench: Bench, count: int, rounds: int) -> None:
    """One line for each way; the steps are paired with a bare one of the same round."""
    bare, again = [], []
    ratios: dict[str, list[float]] = {name: [] for name in ("hooked", "folded", "automatic")}
    first: dict[str, list[float]] = {name: [] for name in ratios}
    merged: list[float] = []
    in_place: list[float] = []
    for _ in range(rounds):
        bare.append(seconds(bench.call))
        again.append(seconds(bench.call) / bare[-1])
        for name, found in ratios.items():
            begun, leave = bench.ours(name, count)
            step = seconds(bench.call)
            first[name].append(begun - step)
            found.append(min(step, seconds(bench.call)) / bare[-1])
            leave()
        backup: dict[nn.Module, Tensor] = {}
        switch = seconds(lambda backup=backup: bench.merge(count, backup))
        merged.append(switch + seconds(lambda backup=backup: bench.restore(backup)))
        in_place.append(seconds(lambda: bench.merge(count)))
        in_place[-1] += seconds(lambda: bench.merge(count, times=-1.0))
    base, median = statistics.median(bare), statistics.median
    spread = f"{min(again):.3f} … {max(again):.3f}"
    print(f"\n{bench.name}, rank {bench.rank}, {count} LoRAs: bare {base:.3f} s a step,")
    print(f"bare/bare {spread}, FLOP floor of hooking {floor(bench, count):.3f}")
    print("             step/bare   switch      merge/switch   20-step picture/bare")
    for name, found in ratios.items():
        switch, ratio = median(first[name]), median(found)
        times = median(merged) / switch if switch > 0 else math.nan  # lost in the noise
        line(name, ratio, switch, times, switch / (STEPS * base) + ratio)
    line("merge", 1, median(merged), 1, median(merged) / (STEPS * base) + 1)
    placed = median(in_place)
    line("in place", 1, placed, median(merged) / placed, placed / (STEPS * base) + 1)
    print(f"  memory beyond the model: {bench.memory(count)}")


def line(name: str, step: float, switch: float, times: float, picture: float) -> None:
    print(f"  {name:10}  {step:8.3f}  {switch:8.4f} s   {times:8.1f} : 1      {picture:8.3f}")


def rows(bench: Bench, rounds: int) -> None:
    """Four pictures with four LoRAs, beside four with one and the same."""
    noise, text = bench.noise, bench.text
    bench.noise, bench.text = noise.repeat(2, 1, 1, 1), text.repeat(2, 1, 1)
    same = [f"<lora:{bench.files[0].stem}:0.7>"] * 4
    own = [f"<lora:{path.stem}:0.7>" for path in bench.files[:4]]
    found: dict[str, list[float]] = {"one on all": [], "each its own": []}
    for _ in range(rounds):
        bare = seconds(bench.call)
        for name, prompt in zip(found, (same, own), strict=True):
            with bench.live("hooked", prompt):
                bench.call()
                found[name].append(seconds(bench.call) / bare)
    bench.noise, bench.text = noise, text
    one, many = (statistics.median(times) for times in found.values())
    print(f"\nfour pictures, rank {bench.rank}, hooked: one LoRA on all {one:.3f} of bare,")
    print(f"four different ones {many:.3f}: {100 * (many - one):+.1f} points")


def peft(bench: Bench, count: int, rounds: int) -> None:
    """PEFT's adapters beside each other, and fused; last, as it changes the model's modules."""
    names = [path for path, m in bench.unet.named_modules() if m in set(bench.modules[0].values())]
    config = LoraConfig(
        r=bench.rank, lora_alpha=bench.rank, target_modules=names, init_lora_weights=False
    )
    bare = [seconds(bench.call) for _ in range(rounds)]
    for index in range(count):
        inject_adapter_in_model(config, bench.unet, adapter_name=f"a{index}")
    layers = [m for m in bench.unet.modules() if isinstance(m, LoraLayer)]
    for layer in layers:
        layer.set_adapter([f"a{index}" for index in range(count)])
    for layer in layers:
        layer.to(next(bench.unet.parameters()))
    added, off = [], []
    for _ in range(rounds):
        for layer in layers:
            layer.enable_adapters(False)
        off.append(seconds(bench.call))
        for layer in layers:
            layer.enable_adapters(True)
        added.append(seconds(bench.call) / off[-1])

    def fuse() -> None:
        for layer in layers:
            layer.merge()

    fused = seconds(fuse)
    base = statistics.median(bare)
    print(
        f"  PEFT        {statistics.median(added):8.3f}   (set_adapters, {count}); fusing takes "
        f"{fused:.3f} s, unfusing leaves rounding errors; bare was {base:.3f} s"
    )


def sdxl_block(dtype: torch.dtype, device: str, options: argparse.Namespace) -> None:
    """For pictures of twice the size, as SDXL is for."""
    block, most = full_size.SdxlBlock(dtype).to(device), max(options.counts)
    for rank in options.ranks:
        with TemporaryDirectory() as name:
            bench = Bench(block, Path(name), rank, 2 * options.size, most, sdxl=True)
            for count in options.counts:
                compare(bench, count, options.rounds)
            bench.library.detach()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256, help="pixels")
    parser.add_argument("--ranks", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--full", action="store_true", help="on a GPU: 512 pixels in 16 bits")
    parser.add_argument("--only", choices=["sd15", "sdxl"])
    options = parser.parse_args()
    print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    dtypes, device, size = [torch.float32], "cpu", options.size
    if options.full:
        dtypes, device, size = [torch.float16, torch.bfloat16], "cuda", 512
        print(torch.cuda.get_device_name())
    for dtype in dtypes:
        print(dtype, measured(torch.device(device), dtype))
        if options.only != "sd15":
            sdxl_block(dtype, device, options)
        if options.only == "sdxl":
            continue
        unet = full_size.sd15(dtype)["unet"].to(device)
        for rank in options.ranks:
            with TemporaryDirectory() as name:
                bench = Bench(unet, Path(name), rank, size, max(options.counts))
                for count in options.counts:
                    compare(bench, count, options.rounds)
                if len(bench.files) >= 4:
                    rows(bench, options.rounds)
                bench.library.detach()
        peft(bench, 1, options.rounds)


if __name__ == "__main__":
    main()
