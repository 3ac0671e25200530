"""Pictures by the model itself: previews of the LoRAs, the contact sheet, the row of weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from live_lora.hosts.attach import attach
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .exam import answer, questions
from .loras import LORAS

GAP = 2
WEIGHTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2)
REGIONS = {
    "no LoRA": "",
    "neon left": "<lora:neon:1:mask=left>",
    "lineart right": "<lora:lineart:1:mask=right>",
    "both": "<lora:neon:1:mask=left> <lora:lineart:1:mask=right>",
    "the other way round": "<lora:neon:1:mask=right> <lora:lineart:1:mask=left>",
}


def load(folder: Path) -> StableDiffusionPipeline:
    """The saved model in float32, quietly."""
    pipe = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def previews(model: Path, loras: Path) -> None:
    """`name.preview.png` for each LoRA, by the model with that LoRA."""
    prompts = [f"{lora.preview} <lora:{lora.name}:{lora.preferred}>" for lora in LORAS]
    with attach(load(model), library=loras) as live:
        pictures = answer(live, prompts, [lora.seed for lora in LORAS])
    for lora, picture in zip(LORAS, pictures, strict=True):
        large = Image.fromarray(picture).resize((256, 256), Image.Resampling.LANCZOS)
        large.save(loras / f"{lora.name}.preview.png", optimize=True)


def grid(
    pictures: NDArray[np.uint8], columns: int, zoom: int = 2, captions: Sequence[str] = ()
) -> Image.Image:
    """The pictures side by side, each `zoom` times as large, with a line of text below it."""
    step, text = 64 * zoom + GAP, 12 if captions else 0
    rows = -(-len(pictures) // columns)
    canvas = Image.new("RGB", (columns * step + GAP, rows * (step + text) + GAP), "white")
    pencil = ImageDraw.Draw(canvas)
    for i, picture in enumerate(pictures):
        x, y = GAP + i % columns * step, GAP + i // columns * (step + text)
        large = Image.fromarray(picture).resize((64 * zoom, 64 * zoom), Image.Resampling.LANCZOS)
        canvas.paste(large, (x, y))
        if captions:
            pencil.text((x + 1, y + 64 * zoom), captions[i], fill="black")
    return canvas


def contact_sheet(pipe: Any) -> Image.Image:
    """The 64 pictures of the exam, just as they come."""
    asked = questions(64)
    pictures = answer(pipe, [q.prompt for q in asked], [q.seed for q in asked])
    captions = [f"{q.colour} {q.kind}, {q.background}" for q in asked]
    return grid(pictures, 8, captions=captions)


def weight_row(live: Any, prompt: str, name: str, seed: int) -> Image.Image:
    """One prompt and seed at the weights from 0 to 1.2."""
    prompts = [f"{prompt} <lora:{name}:{weight}>" for weight in WEIGHTS]
    pictures = answer(live, prompts, [seed] * len(WEIGHTS))
    return grid(pictures, len(WEIGHTS), captions=[str(weight) for weight in WEIGHTS])


def regions_row(live: Any, prompt: str, seed: int) -> Image.Image:
    """One prompt and seed with LoRAs in its halves."""
    pictures = answer(
        live, [f"{prompt} {tags}" for tags in REGIONS.values()], [seed] * len(REGIONS)
    )
    return grid(pictures, len(REGIONS), captions=[*REGIONS])
