"""Checkpoint files made on the spot: full size, empty, and small ones with real tensors."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
)
from safetensors.torch import save_file

DATA = Path(__file__).parent.parent / "data" / "checkpoints"
CLIP = "cond_stage_model.transformer.text_model."
Shapes = Mapping[str, Sequence[int]]


def ldm_shapes(family: str) -> dict[str, list[int]]:
    """Every key of a checkpoint file of "sd15", "sd21" or "sdxl", with its shape."""
    shapes: dict[str, list[int]] = json.loads(
        gzip.decompress((DATA / f"{family}.json.gz").read_bytes())
    )
    return shapes


def write_zeros(path: Path, shapes: Shapes, metadata: Mapping[str, str] | None = None) -> Path:
    """A safetensors file of fp16 zeros; a hole in the disk, however large the model."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for key, shape in shapes.items():
        end = at + 2 * prod(shape)
        header[key] = {"dtype": "F16", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + at)
    return path


def write_ldm(path: Path, pipeline: Any) -> Path:
    """The pipeline as a single file in the layout of SD 1.x, by diffusers' own table of names."""
    keys = ldm_shapes("sd15")
    tensors = {
        **renamed(pipeline.unet, convert_ldm_unet_checkpoint, keys),
        **renamed(pipeline.vae, convert_ldm_vae_checkpoint, keys),
        **{
            CLIP + key.removeprefix("text_model."): value
            for key, value in pipeline.text_encoder.state_dict().items()
        },
    }
    absent = {key for key in keys.keys() - tensors.keys() if not key.startswith(CLIP)}
    assert tensors.keys() <= keys.keys()
    assert not absent, "its text encoder may have fewer layers, nothing else"
    save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    return path


def renamed(
    module: Any, convert: Any, keys: Mapping[str, Sequence[int]]
) -> dict[str, torch.Tensor]:
    """The module's tensors under their LDM names: what `convert` reads each one from."""
    names = list(keys)
    marks = {key: torch.full([1] * len(keys[key]), float(at)) for at, key in enumerate(names)}
    origin = {new: names[int(mark)] for new, mark in convert(marks, module.config).items()}
    state = module.state_dict()
    return {
        old: state[new].reshape(*state[new].shape, *[1] * (len(keys[old]) - state[new].ndim))
        for new, old in origin.items()
    }
