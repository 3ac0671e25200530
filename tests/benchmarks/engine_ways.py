"""One UNet with LoRAs, ours and as others apply them, for engine.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import full_size
import live_lora
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

STEPS = 20  # of a picture
Call = Callable[[], object]


def seconds(work: Call) -> float:
    """Wall time of one call; on a GPU, until it is done."""
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


class Bench:
    """One UNet, `counts` LoRA files of one rank, and all ways to apply them."""

    def __init__(
        self, unet: nn.Module, folder: Path, rank: int, size: int, most: int, sdxl: bool = False
    ) -> None:
        self.unet, self.rank, self.size = unet, rank, size
        self.name = "a block of SDXL" if sdxl else "SD 1.5"
        weight = next(unet.parameters())
        side = size // (32 if sdxl else 8)
        self.noise = torch.randn(2, 1280 if sdxl else 4, side, side).to(weight)
        self.text = torch.randn(2, 77, 2048 if sdxl else 768).to(weight)
        model = {"base": "sdxl", "within": full_size.SDXL_BLOCK} if sdxl else {}
        self.files = [
            full_size.kohya_lora(
                folder / f"r{rank}n{seed}.safetensors", rank=rank, seed=seed, **model
            )
            for seed in range(most)
        ]
        self.library = live_lora.attach({"unet": unet}, library=folder)
        # Modules by a file's names, and the factors that the others use as well.
        with self.library.prompt(self.prompt(most)):
            pass
        core = self.library.core
        assert core is not None
        self.modules = [
            {m.prefix: core.model.sites[t.id].module for t, m in bound.match.matched}
            for bound in core.cache
        ]
        self.states = [load_file(path) for path in self.files]

    def prompt(self, count: int) -> str:
        return "".join(
            f"<lora:{path.stem}:0.{7 - i % 5}>" for i, path in enumerate(self.files[:count])
        )

    def call(self) -> Tensor:
        with torch.no_grad():
            return self.unet(self.noise, 500, self.text)

    @contextmanager
    def live(self, executor: str, prompt: str | Sequence[str]) -> Iterator[Any]:
        core = self.library.core
        core.options = replace(core.options, executor=executor)
        with self.library.prompt(prompt) as run:
            run.progress(0, STEPS)
            pictures = len(prompt) if not isinstance(prompt, str) else 1
            lines = [(one, side) for side in ("uncond", "cond") for one in range(pictures)]
            run.rows(lines)  # as hosts have them
            yield run

    def ours(self, executor: str, count: int) -> tuple[float, Call]:
        """Seconds until the first step is done, and what ends it."""
        context = self.live(executor, self.prompt(count))
        first = seconds(lambda: (context.__enter__(), self.call()))
        return first, lambda: context.__exit__(None, None, None)

    def merge(
        self, count: int, backup: dict[nn.Module, Tensor] | None = None, times: float = 1.0
    ) -> None:
        """As A1111 and ComfyUI do it: backups of all that is touched, ΔW materialised, added.

        Without `backup` in place: what is taken off again (`times` −1) leaves rounding errors.
        """
        with torch.no_grad():
            for names, state in zip(self.modules[:count], self.states, strict=False):
                for prefix, layer in names.items():
                    weight = layer.weight
                    if backup is not None:
                        backup.setdefault(layer, weight.detach().clone())
                    up, down = (
                        state[f"{prefix}.lora_{one}.weight"].to(weight.device).float().flatten(1)
                        for one in ("up", "down")
                    )
                    change = times * float(state[f"{prefix}.alpha"]) / up.shape[1] * (up @ down)
                    weight.add_(change.view_as(weight).to(weight.dtype))

    def memory(self, count: int) -> str:
        """Beyond the model: of the LoRAs in its dtype, of spares or backups of what they touch."""
        layers = {layer for names in self.modules[:count] for layer in names.values()}
        width = next(self.unet.parameters()).element_size()
        factors = sum(tensor.numel() for state in self.states[:count] for tensor in state.values())
        touched = sum(layer.weight.numel() for layer in layers)
        return f"factors {factors * width >> 20} MiB, spares or backups {touched * width >> 20} MiB"

    def restore(self, backup: dict[nn.Module, Tensor]) -> None:
        with torch.no_grad():
            for layer, kept in backup.items():
                layer.weight.copy_(kept)
