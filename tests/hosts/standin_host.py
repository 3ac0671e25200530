"""Drives the stand-in as tests/webui drives the real webui."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from live_lora.hosts import webui
from live_lora.model import layer_names
from model import Checkpoint
from modules import processing, script_callbacks, scripts, sd_models, shared
from safetensors.torch import save_file

RANK, ALPHA = 3, 2.0


@dataclass
class Made:
    """`samples` (pictures, 4, h, w), an infotext each, and the p that made them."""

    samples: np.ndarray
    infotexts: list[str]
    p: Any


class StandIn:
    """A webui without anything in it but generation."""

    def __init__(self, library: Path, checkpoint: Callable[[], Any] = Checkpoint) -> None:
        self.library = library
        shared.cmd_opts.lora_dir = str(library)
        shared.cmd_opts.no_hashing = False
        self.model = sd_models.model_data.sd_model = checkpoint()
        self.even_parts = hasattr(self.model, "forge_objects")
        self.script = webui.LiveLoraScript()
        script_callbacks.registered.clear()
        webui.LIVE.__init__()
        webui.start()
        for category in ("before_ui", "ui_settings"):
            script_callbacks.call(category)
        webui.extra_network.take_over()

    def process(self, prompt: Any = "", negative: str = "", **settings: Any) -> Any:
        """A p with our script, not yet processed."""
        prompts = [prompt] if isinstance(prompt, str) else prompt
        sizes = {"batch_size": len(prompts), **settings}
        args = () if isinstance(prompt, str) else (prompt,)
        runner = scripts.Runner(self.script, args=args)
        return processing.Processing(prompts[0], negative, scripts=runner, **sizes)

    def generate(
        self,
        prompt: Any,
        negative: str = "",
        *,
        sampler: str = "Euler",
        hires: bool = False,
        settings: dict[str, Any] | None = None,
        **options: Any,
    ) -> Made:
        """Pictures of one prompt, or of several in one batch."""
        p = self.process(prompt, negative, sampler_name=sampler, enable_hr=hires, **options)
        with changed(**settings or {}):
            samples, infotexts = processing.process_images(p)
        return Made(samples.numpy(), infotexts, p)

    @property
    def hooks(self) -> int:
        """On any module of the checkpoint."""
        every = self.model.modules()
        return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in every)


def comments(p: Any) -> str:
    """What stands under the pictures of a p in the webui's page."""
    return "\n".join(p.comments)


@contextmanager
def changed(**settings: Any) -> Iterator[None]:
    """Options for a while."""
    before = {name: shared.opts.data[name] for name in settings}
    shared.opts.data.update(settings)
    try:
        yield
    finally:
        shared.opts.data.update(before)


def make_library(folder: Path) -> Path:
    """a to d for UNet and text encoder, unet-a and unet-b for the UNet, in kohya's names."""
    shapes = dict(_shapes(Checkpoint()))
    unet = {name: shape for name, shape in shapes.items() if name.startswith("lora_unet")}
    for seed, name in enumerate("abcd"):
        save_file(_random(shapes, seed), folder / f"{name}.safetensors")
    for seed, name in enumerate("ab"):
        save_file(_random(unet, 10 + seed), folder / f"unet-{name}.safetensors")
    return folder


def _shapes(model: Checkpoint) -> Iterator[tuple[str, tuple[int, ...]]]:
    unet, text = model.model.diffusion_model, model.cond_stage_model.wrapped.transformer
    for name, tensor in unet.named_parameters():
        key = layer_names.unet_key(name.removesuffix(".weight"))
        if key and tensor.dim() > 1 and "attentions" in key:
            yield f"lora_unet_{key}", tuple(tensor.shape)
    for name, tensor in text.named_parameters():
        key = layer_names.text_key(name.removesuffix(".weight"))
        if key and tensor.dim() > 1 and "layers" in key:
            yield f"lora_te_text_model_{key}", tuple(tensor.shape)


def _random(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape in shapes.items():
        down = torch.randn(RANK, *shape[1:], generator=generator) / math.sqrt(math.prod(shape[1:]))
        up = torch.randn(shape[0], RANK, *[1] * (len(shape) - 2), generator=generator)
        tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up / 2}
        tensors[f"{name}.alpha"] = torch.tensor(ALPHA)
    return tensors
