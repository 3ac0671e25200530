"""Checkpoints whose numbers follow from their keys: here and in a real webui the same.

`data/words/shapes.json.gz` has the shapes of the small checkpoints that tests/webui makes: SD 1.x
with CLIP's full text encoder, SD 2.x and SDXL with OpenCLIP's smallest.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
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
    seed = torch.Generator().manual_seed(_seed(key))
    noise = torch.randn(tuple(shape), generator=seed, device="cpu")
    if ".quant_conv." in key and not key.startswith("model."):
        # The webui draws latents from what the autoencoder finds likely, with whatever noise is
        # next: here there is no doubt.
        noise[len(noise) // 2 :] = 0
        if key.endswith("bias"):
            noise = noise * 0.1
            noise[len(noise) // 2 :] = -30
            return noise
    if key.endswith("bias"):
        return noise * 0.1
    if len(shape) < 2:
        return 1 + 0.1 * noise
    return noise * (0.3 if "embedding" in key else 1 / math.sqrt(math.prod(shape[1:])))


def _seed(key: str) -> int:
    return zlib.crc32(key.encode())


# --- textual inversions and a LoRA for them ---------------------------------------------------

WIDTHS = {"sd1": {"": 768}, "sd2": {"": 256}, "sdxl": {"clip_l": 768, "clip_g": 256}}
BUNDLED = "boxedfox"
EMBEDDINGS = {"threefold": 3, "threefold style": 2, "one-dot.v2": 1, "elsewhere": 70}


def embedding(family: str, name: str) -> dict[str, Tensor]:
    """The tensors of an embedding's .safetensors file."""
    count = EMBEDDINGS[name]
    return {
        part or "emb_params": tensor(f"{name} {part} embedding", (count, width))
        for part, width in WIDTHS[family].items()
    }


def lora(family: str) -> dict[str, Tensor]:
    """A small LoRA in kohya's format: cross attention of the UNet, the text encoders, `BUNDLED`."""
    found = {
        f"bundle_emb.{BUNDLED}.{part or 'string_to_param.*'}": tensor(
            f"{BUNDLED} {part} embedding", (3, width)
        )
        for part, width in WIDTHS[family].items()
    }
    for key, shape in shapes(family).items():
        name = _kohya(key)
        if name is not None:
            found[f"{name}.lora_down.weight"] = tensor(f"{name} down", (4, shape[1])) * 0.5
            found[f"{name}.lora_up.weight"] = tensor(f"{name} up", (shape[0], 4)) * 0.5
            found[f"{name}.alpha"] = torch.tensor(2.0)
    return found


# Text encoders: where they stand in a checkpoint, and what kohya's trainer calls them.
TEXT = {
    "cond_stage_model.transformer.": "lora_te_",
    "cond_stage_model.model.": "lora_te_",
    "conditioner.embedders.0.transformer.": "lora_te1_",
    "conditioner.embedders.1.model.": "lora_te2_",
}
OPEN_CLIP = re.compile(r"transformer\.resblocks\.([0-8])\.mlp\.c_fc\.weight")  # the last is unused


def _kohya(key: str) -> str | None:
    if key.endswith(("attn2.to_k.weight", "attn2.to_v.weight")):
        return _flat(key).replace("model_diffusion_model_", "lora_unet_")
    for place, name in TEXT.items():
        rest = key.removeprefix(place)
        if rest == key:
            continue
        if found := OPEN_CLIP.fullmatch(rest):
            return f"{name}text_model_encoder_layers_{found[1]}_mlp_fc1"
        if rest.endswith(("q_proj.weight", "fc1.weight")):
            return name + _flat(rest)
    return None


def _flat(key: str) -> str:
    return key.removesuffix(".weight").replace(".", "_")


# --- a picture and a mask to begin with ---------------------------------------------------------


def picture(width: int = 64, height: int = 64, *, clear: bool = False) -> np.ndarray:
    """(height, width, 3), uint8: slopes that an 8 bit PNG keeps. `clear`: a fourth one is alpha."""
    y, x = np.mgrid[:height, :width]
    y, x = y * 63 // (height - 1), x * 63 // (width - 1)
    channels = [4 * x, 4 * y, 2 * (x + y), *([4 * (63 - x)] if clear else [])]
    return np.stack(channels, axis=-1).astype(np.uint8)


def mask(width: int = 64, height: int = 64) -> np.ndarray:
    """(height, width), uint8: white is drawn anew, left of the middle."""
    found = np.zeros((height, width), np.uint8)
    found[height // 4 : height * 3 // 4, width // 8 : width * 5 // 8] = 255
    return found


def sample(values: Any) -> Tensor:
    """Some numbers of a cond (tokens, width): two of every token, in other places each time."""
    found = torch.as_tensor(values)
    rows = torch.arange(len(found))
    width = found.shape[1]
    columns = torch.stack([(rows * 7919 + 31) % width, (rows * 104729 + 7) % width])
    return found[rows, columns].flatten()
