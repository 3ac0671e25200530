"""How long a LoRA of about 150 MB for SDXL takes from the disk cache to deltas that are ready.

    python tests/benchmarks/loading.py [--peers]

Compared with reading and casting its bytes, and with --peers with what diffusers and PEFT take
for the same tensors (on a UNet of SDXL's size whose weights are never touched).
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import conftest  # noqa: F401  mounts the package
import host_trees
import torch
from live_lora import network
from live_lora.engine.layers import find_sites
from live_lora.model import layer_names
from safetensors.torch import load_file, save_file

RANK = 24
REPEATS = 7
SIZE = 0.02  # of the values, as after training
DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def make_file(folder: Path) -> Path:
    """kohya's default SDXL LoRA (986 modules) at rank 24 in float16, in diffusers' names."""
    torch.manual_seed(0)
    tensors = {}
    for (component, _), target in host_trees.host("sdxl diffusers").items():
        if component == "unet" and target.kind == "linear" and "attentions" in target.path:
            o, i = target.shape
            tensors[f"unet.{target.path}.lora_A.weight"] = (torch.randn(RANK, i) * SIZE).half()
            tensors[f"unet.{target.path}.lora_B.weight"] = (torch.randn(o, RANK) * SIZE).half()
    path = folder / "sdxl.safetensors"
    save_file(tensors, path)
    return path


def reference(path: Path, dtype: torch.dtype) -> None:
    """Its bytes read into memory and cast, nothing else."""
    raw = torch.empty(path.stat().st_size // 2 * 2, dtype=torch.uint8)
    with path.open("rb") as file:
        file.readinto(raw.numpy().data)
    raw.view(torch.float16).to(dtype)


class Ours:
    """Header, keys, match, tensors, deltas."""

    def __init__(self) -> None:
        with torch.device("meta"):
            self.unet = host_trees.diffusers_unet("sdxl")
        self.sites = {layer_names.unet_key(site.path): site for site in find_sites(self.unet)}
        self.targets = host_trees.host("sdxl diffusers")

    def load(self, path: Path, dtype: torch.dtype) -> list[Any]:
        """All deltas, on the CPU."""
        found = network.load(path)
        match = found.match(self.targets)
        assert not match.unmatched
        with found.open() as read:
            return [
                module.build(read).runtime(
                    self.sites[target.key].layer(), dtype=dtype, device="cpu"
                )
                for target, module in match.matched
            ]


def forget() -> None:
    """What a second load of the same file must not find ready."""
    layer_names.unet_key.cache_clear()
    layer_names.text_key.cache_clear()
    gc.collect()


def best(task: Callable[[], Any]) -> tuple[float, float]:
    """The shortest wall time and CPU time of some runs, in ms."""
    walls, cpus = [], []
    for _ in range(REPEATS):
        forget()
        wall, cpu = time.perf_counter(), time.process_time()
        made = task()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        del made
    return min(walls) * 1e3, min(cpus) * 1e3


def show(name: str, times: tuple[float, float], beside: tuple[float, float]) -> None:
    """One line."""
    wall, cpu = times
    ratio = f"{wall / beside[0]:6.2f} x  (CPU {cpu / beside[1]:.2f} x)"
    print(f"  {name:<28} {wall:8.0f} ms  CPU {cpu:8.0f} ms  {ratio}")


def main() -> None:
    """Prints a table for each dtype of the base model."""
    warnings.simplefilter("ignore")  # PEFT's, about adapters put on again and again
    with tempfile.TemporaryDirectory() as folder:
        path = make_file(Path(folder))
        print(f"{path.stat().st_size / 1e6:.0f} MB, rank {RANK}, float16")
        ours = Ours()
        for dtype in DTYPES:
            print(f"on a base model in {dtype}:")
            beside = best(lambda: reference(path, dtype))  # noqa: B023
            show("read and cast its bytes", beside, beside)
            show("Live LoRA", best(lambda: ours.load(path, dtype)), beside)  # noqa: B023
            if "--peers" in sys.argv:
                for name, task in peers(path, dtype).items():
                    show(name, best(task), beside)


def peers(path: Path, dtype: torch.dtype) -> dict[str, Callable[[], Any]]:
    """diffusers' and PEFT's way to a UNet with the LoRA in it."""
    from diffusers import UNet2DConditionModel
    from live_lora.app import configs
    from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict

    def unet() -> Any:
        with torch.device("meta"):
            model = UNet2DConditionModel.from_config(configs.read("sdxl")["unet"]).to(dtype)
        return model.to_empty(device="cpu").requires_grad_(False)

    made = unet()

    def diffusers() -> None:
        made.load_lora_adapter(load_file(path), prefix="unet", adapter_name="x")
        made.delete_adapters("x")

    def peft() -> None:
        tensors = {key.removeprefix("unet."): value for key, value in load_file(path).items()}
        layers = sorted({key.rpartition(".lora_")[0] for key in tensors})
        config = LoraConfig(r=RANK, lora_alpha=RANK, target_modules=layers)
        inject_adapter_in_model(config, made, "y")
        set_peft_model_state_dict(made, tensors, "y")
        made.delete_adapters("y")

    return {"diffusers load_lora_adapter": diffusers, "PEFT inject and set": peft}


if __name__ == "__main__":
    main()
