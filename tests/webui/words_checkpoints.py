"""What the comparison of words with a real webui needs: seeded checkpoints, embeddings, a LoRA."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file

from .programs import A1111
from .server import HERE, Webui

sys.path.append(str(HERE.parent))
import seeded_checkpoint as seeded


def make(folder: Path, webui: str) -> dict[str, dict[str, list[int]]]:
    """The checkpoints that make_checkpoints.py describes, with seeded numbers; their shapes."""
    models = folder / "Stable-diffusion"
    command = [A1111.python, str(HERE / "make_checkpoints.py"), str(models)]
    subprocess.run(command, cwd=webui, check=True, capture_output=True)
    found = {}
    for family, name in seeded.CHECKPOINTS.items():
        path = models / f"{name}.safetensors"
        with safe_open(path, "pt") as file:
            keys = list(file.keys())
            found[family] = {key: list(file.get_slice(key).get_shape()) for key in keys}
        save_file(seeded.tensors(found[family]), path)
    return found


def add_embeddings(data: Path, family: str) -> None:
    """Into the webui's own folder of embeddings."""
    folder = data / "embeddings"
    folder.mkdir(exist_ok=True)
    for name in seeded.EMBEDDINGS:
        save_file(seeded.embedding(family, name), folder / f"{name}.safetensors")


def prompts() -> list[dict[str, Any]]:
    """The texts that are compared, each with the settings that it is read with."""
    read: list[dict[str, Any]] = json.loads((seeded.DATA / "prompts.json").read_text("utf-8"))
    return read


def conds(webui: Webui, prompt: Mapping[str, Any]) -> dict[str, Any]:
    """Parts, and arrays by "part.entry", of one prompt from the real webui."""
    import numpy as np

    told = webui.post("/probe/conds", **{"steps": 10, **prompt})
    return {**told, "arrays": dict(np.load(webui.data / "conds.npz"))}
