"""Switching LoRAs on a full-size SD 1.5: live hooks beside a merge with backup, paired in one run.

    python tests/benchmarks/switching.py [--rank 32] [--rounds 5]

The merge is what the webui's builtin does: at the first LoRA every Linear, Conv and norm weight is
copied away; at each switch the touched weights are restored and up @ down is added to them.
Needs about 9 GB of memory.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import conftest  # noqa: F401  (mounts live_lora)

sys.path.insert(0, str(Path(__file__).resolve().parent))
import full_size
import live_lora

MIB = 1 << 20


def memory() -> float:
    """Resident memory of this process in MiB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / MIB


class Merger:
    """The peers' way: backups of everything, weights rewritten at each switch."""

    def __init__(self, modules: Mapping[str, nn.Module], names: Mapping[str, nn.Module]) -> None:
        kinds = (nn.Linear, nn.Conv2d, nn.GroupNorm, nn.LayerNorm)
        layers = [m for model in modules.values() for m in model.modules() if isinstance(m, kinds)]
        self.backup = {layer: layer.weight.detach().clone() for layer in layers}
        self.names = names

    def switch(self, state: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for prefix, layer in self.names.items():
                up, down = state[f"{prefix}.lora_up.weight"], state[f"{prefix}.lora_down.weight"]
                scale = float(state[f"{prefix}.alpha"]) / up.shape[1]
                change = scale * (up.float().flatten(1) @ down.float().flatten(1))
                layer.weight.copy_(self.backup[layer])
                layer.weight.add_(change.view_as(layer.weight))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    modules = full_size.sd15()
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = [
            full_size.kohya_lora(folder / f"{n}.safetensors", rank=options.rank, seed=s)
            for s, n in enumerate("ab")
        ]
        compare(modules, folder, files, options.rounds)


def compare(modules: Mapping[str, nn.Module], folder: Path, files: list[Path], rounds: int) -> None:
    live = live_lora.attach(modules, library=folder)

    def switch(name: str) -> None:
        with live.prompt(f"<lora:{name}:0.8>"):
            pass

    def merge(name: str) -> None:
        held[0].switch(states[name])

    live.prompt("")  # the catalog is scanned
    before = memory()
    first = seconds(lambda: switch("a"))
    grown = memory() - before
    compute = sum(loaded.size for loaded in live.core.cache) / MIB
    count = len(next(iter(live.core.cache)).deltas)
    switch("b")
    states = {path.stem: load_file(path) for path in files}
    names = {
        module.prefix: live.core.model.sites[target.id].module
        for target, module in next(iter(live.core.cache)).match.matched
    }
    before = memory()
    held: list[Merger] = []
    merge_first = seconds(
        lambda: (held.append(Merger(modules, names)), held[0].switch(states["a"]))
    )
    merge_grown = memory() - before
    ours, theirs = [], []
    for _ in range(rounds):  # paired: the machine's noise meets both
        for one in "ba":
            ours.append(seconds(partial(switch, one)))
            theirs.append(seconds(partial(merge, one)))
    mine, peer = statistics.median(ours), statistics.median(theirs)
    print(f"{count} modules, fp32 on the CPU, medians of {2 * rounds} switches")
    print("                      live hooks    merge with backup")
    print(f"first use            {first:8.3f} s       {merge_first:8.3f} s")
    print(f"switch, cached       {mine:8.4f} s       {peer:8.4f} s    {peer / mine:.0f} : 1")
    print(f"memory grown         {grown:8.0f} MiB     {merge_grown:8.0f} MiB")
    print(f"LoRA in compute dtype {compute:7.0f} MiB     grown / tensors = {grown / compute:.2f}")


if __name__ == "__main__":
    main()
