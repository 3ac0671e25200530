"""Textual inversions and checkpoints as a list shows them: which base, and what lies wrong.

For `Catalog(guess=…)` over folders of such files. Pickles have no header: nothing is said of them.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import FileError
from ..library.header import Header
from ..library.lora_file import UNKNOWN
from ..model.base_targets import name_of_width
from ..records import Shapes
from . import not_a_lora
from .other_models import other_model

INVERSION, CHECKPOINT = "a textual inversion", "a full checkpoint"
A_LORA = "a LoRA"
SECOND_TEXT = ("clip_g", "conditioner.embedders.1.")
SD2_TEXT = "cond_stage_model.model."
SD1_TEXT = "cond_stage_model.transformer."


def base_of_inversion(path: Path, header: Header) -> str:
    """By the length of its vectors. FileError for any other file, with where that belongs."""
    shapes = _shapes(header)
    what = what_is(shapes)
    vectors = [shape for shape in shapes.values() if len(shape) in (1, 2) and shape[-1] > 1]
    if what not in (INVERSION, None) or not vectors or len(shapes) > 8:
        raise _lies_wrong(path, what or "no textual inversion", "a textual inversion")
    if SECOND_TEXT[0] in shapes:
        return "SDXL"
    return next(filter(None, (name_of_width(shape[-1]) for shape in vectors)), UNKNOWN)


def base_of_checkpoint(path: Path, header: Header) -> str:
    """By its text encoders, or the name of another model. FileError for LoRAs and inversions."""
    shapes = _shapes(header)
    if (what := what_is(shapes)) in (A_LORA, INVERSION):
        raise _lies_wrong(path, what, "a checkpoint")
    for start, base in ((SECOND_TEXT[1], "SDXL"), (SD2_TEXT, "SD2"), (SD1_TEXT, "SD1")):
        if any(key.startswith(start) for key in shapes):
            return base
    return other_model(shapes, header.metadata) or UNKNOWN


def what_is(shapes: Shapes) -> str | None:
    """What a file's keys say that it is, "a LoRA" for any model's; None where they say nothing."""
    if what := not_a_lora.thing(shapes):
        return what
    return A_LORA if any(map(not_a_lora.LORA.search, shapes)) else None


def _shapes(header: Header) -> Shapes:
    return {key: one.shape for key, one in header.tensors.items()}


def _lies_wrong(path: Path, what: str, wanted: str) -> FileError:
    step = ": move it to the folder of the LoRAs" if what == A_LORA else ""
    return FileError("other-file", path, f"this is {what}, not {wanted}{step}")
