"""Textual inversions bundled into a LoRA file (`bundle_emb.`), handed on to the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "bundle_emb."
LONGEST = 128  # characters of a name
_ENDS = ("string_to_param.*", "emb_params", "clip_l", "clip_g", "t5", "qwen")


@dataclass(frozen=True, slots=True)
class Embedding:
    """One textual inversion: the file's key of each part (`emb_params`, `clip_l`, `clip_g`, …)."""

    name: str
    keys: Mapping[str, str]
