"""Tensors beside a known module that no algorithm here knows: without them it would be wrong.

A scale of 8-bit weights, a matrix between A and B, a trained bias: whoever wrote them meant the
module to be used with them. So the module is refused, but for what is known to change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from ..errors import Code
from . import other_algorithms

HARMLESS = re.compile(  # notes of trainers to themselves
    r"\.(initial_norm|num_batches_tracked|oft_(block_size|block_share|coft)_metadata)$"
)
NAMES: tuple[tuple[str, str], ...] = (  # what they are, by the end of their key
    ("8-bit weights with a scale of their own", r"(weight_scale|scale_weight|scale_input)(_2)?$"),
    ("LoRA-XS", r"lora_latent_mapping(\.\w+)?$"),
    ("a bias of the layer itself", r"base_layer\.bias$"),
    ("a weight of the layer itself", r"base_layer\.weight$"),
)


def unknown(key: str) -> tuple[Code, str]:
    """Why a key that is no tensor of an algorithm read here does nothing."""
    if name := other_algorithms.named(key):
        return "other-algorithm", f"is a tensor of {name}, which is not read here"
    return "unknown-key", "is not a tensor of any known algorithm"


def is_harmless(key: str) -> bool:
    """Does it change nothing?"""
    return HARMLESS.search(key) is not None


def nearest(key: str, modules: Container[str]) -> str | None:
    """The module, of these, that the key stands beside: its longest beginning; None if none."""
    return next((start for start in beginnings(key) if start in modules), None)


def reason(keys: list[str], module: str) -> str:
    """Why the module is refused."""
    known = (name for name, pattern in NAMES for key in keys if re.search(pattern, key))
    shown = ", ".join(sorted({key[len(module) :].lstrip("._") for key in keys})[:3])
    other = filter(None, map(other_algorithms.named, keys))
    what = next((f"{name} ({shown})" for name in known), next(other, shown))
    return f"has {what}, which is not read here: without it the layer would be wrong"


def unplaced(module: str) -> str:
    """Why a module part that names no layer is not used."""
    if "modules_to_save" in module.split("."):
        return "is a whole weight (PEFT's modules_to_save), not a change of one"
    if name := other_algorithms.named(module):
        return f"is a tensor of {name}, which is not read here"
    return "does not name a known layer of Stable Diffusion"


def beginnings(key: str) -> Iterator[str]:
    """All beginnings of a key, of whole words, the longest first."""
    end = key.rfind(".")
    while end > 0:
        yield key[:end]
        end = key.rfind(".", 0, end)
