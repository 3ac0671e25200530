"""Checkpoints whose numbers follow from their keys: here and in a real webui the same.

`data/words/shapes.json.gz` has the shapes of the small checkpoints that tests/webui makes: SD 1.x
with CLIP's full text encoder, SD 2.x and SDXL with OpenCLIP's smallest.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

DATA = Path(__file__).parent / "data" / "words"
FAMILIES = ("sd1", "sd2", "sdxl")
CHECKPOINTS = {"sd1": "small-a", "sd2": "small-2", "sdxl": "small-xl"}
BETAS = torch.linspace(0.00085**0.5, 0.0120**0.5, 1000, dtype=torch.float64) ** 2


def shapes(family: str) -> dict[str, list[int]]:
    """By key, of a whole checkpoint."""
    text = gzip.decompress((DATA / "shapes.json.gz").read_bytes())
    found: dict[str, list[int]] = json.loads(text)[family]
    return found


def tensors(of: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """A value for each key: random, by the key's own seed, of a size that keeps signals alive."""
    return {key: tensor(key, shape) for key, shape in of.items()}


def tensor(key: str, shape: Sequence[int]) -> Tensor:
    """Biases are not 0: a text encoder whose output has mean 0 makes NaN of "Original" emphasis."""
    if key.endswith("position_ids"):
        return torch.arange(shape[-1])[None]
    if key == "betas":
        return BETAS.float()
    if key == "alphas_cumprod":
        return torch.cumprod(1 - BETAS, 0).float()
    noise = torch.randn(tuple(shape), generator=torch.Generator().manual_seed(_seed(key)))
    if key.endswith("bias"):
        return noise * 0.1
    if len(shape) < 2:
        return 1 + 0.1 * noise
    return noise * (0.3 if "embedding" in key else 1 / math.sqrt(math.prod(shape[1:])))


def _seed(key: str) -> int:
    return zlib.crc32(key.encode())


# --- textual inversions and a LoRA for them ---------------------------------------------------

WIDTHS = {"sd1": {"": 768}, "sd2": {"": 256}, "sdxl": {"clip_l": 768, "clip_g": 256}}
EMBEDDINGS = {"threefold": 3, "threefold style": 2, "one-dot.v2": 1, "elsewhere": 70}


def embedding(family: str, name: str) -> dict[str, Tensor]:
    """The tensors of an embedding's .safetensors file."""
    count = EMBEDDINGS[name]
    return {
        part or "emb_params": tensor(f"{name} {part} embedding", (count, width))
        for part, width in WIDTHS[family].items()
    }


def lora(family: str) -> dict[str, Tensor]:
    """A small LoRA in kohya's format: cross attention of the UNet, and the text encoder."""
    found: dict[str, Tensor] = {}
    for key, shape in shapes(family).items():
        name = _kohya(key)
        if name is not None:
            found[f"{name}.lora_down.weight"] = tensor(f"{name} down", (4, shape[1])) * 0.5
            found[f"{name}.lora_up.weight"] = tensor(f"{name} up", (shape[0], 4)) * 0.5
            found[f"{name}.alpha"] = torch.tensor(2.0)
    return found


def _kohya(key: str) -> str | None:
    path = key.removesuffix(".weight").replace(".", "_")
    if key.endswith(("attn2.to_k.weight", "attn2.to_v.weight")):
        return path.replace("model_diffusion_model_", "lora_unet_")
    if key.endswith(("q_proj.weight", "fc1.weight")) and key.startswith("cond_stage_model"):
        return path.replace("cond_stage_model_transformer_", "lora_te_")
    return None


def sample(values: Any) -> Tensor:
    """Some numbers of a cond (tokens, width): two of every token, in other places each time."""
    found = torch.as_tensor(values)
    rows = torch.arange(len(found))
    width = found.shape[1]
    columns = torch.stack([(rows * 7919 + 31) % width, (rows * 104729 + 7) % width])
    return found[rows, columns].flatten()
