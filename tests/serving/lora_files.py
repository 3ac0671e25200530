"""LoRAs for the tests of the server."""

from __future__ import annotations

from pathlib import Path

import tiny_pipeline
from tiny_models import ATTENTION, EVERYTHING, TEXT, random_lora, save_kohya


def write_loras(folder: Path) -> Path:
    """Four files: on all layers, on attention, on the UNet alone, on the words alone."""
    pipe = tiny_pipeline.pipeline()
    for seed, (name, targets, texts) in enumerate(
        [
            ("ghibli", EVERYTHING, TEXT),
            ("owl", ATTENTION, TEXT[:2]),
            ("ink", ["conv1", "ff.net.2"], []),
            ("words", [], TEXT),
        ]
    ):
        parts = {}
        if targets:
            parts["unet"] = random_lora(pipe.unet, targets, seed=seed)
        if texts:
            parts["text_encoder"] = random_lora(pipe.text_encoder, texts, seed=seed)
        save_kohya(folder / f"{name}.safetensors", parts, alpha=4)
    return folder
