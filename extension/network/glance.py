"""What a file is at a glance: its base model and its algorithm from a few telling keys.

For lists of thousands of files (`library/outline.py`); what is used to draw is `network.load`,
with every key and every shape. The rule for the metadata's word is the same (`base_model.py`).
Where nothing tells, the base is Unknown; a wrong one would be worse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import NotALora
from ..library.lora_file import Glimpse
from ..library.outline import Outline
from . import not_a_lora
from .base_model import UNKNOWN, base_said


def spelled(*names: str) -> tuple[bytes, ...]:
    """The names with dots, and as kohya writes them."""
    return tuple(one.encode() for name in names for one in (name, name.replace(".", "_")))


UNET = (b"down_blocks", b"input_blocks", b"up_blocks", b"output_blocks", b"mid_block", b"middle_b")
# A fourth level, or attention at the highest resolution: SD 1 and 2 have them, SDXL has not.
SHALLOW = spelled(
    *("down_blocks.3.", "up_blocks.3.", "down_blocks.0.attentions."),
    *("input_blocks.1.1.", "input_blocks.2.1."),
    *(f"{way}_blocks.{block}." for way in ("input", "output") for block in (9, 10, 11)),
)
# More than one transformer block in a row: SDXL and its refiner only.
DEEP = spelled("transformer_blocks.1.")
# Layers that read the text: their inputs are as wide as its embeddings.
CROSS = re.compile(rb'attn2[._](?:processor[._])?to_[kv][^"]*"\s*:\s*\{([^}]*)\}')
SHAPE = re.compile(rb'"shape"\s*:\s*\[([\d,\s]*)\]')
SECOND_TEXT = spelled("te2.", "text_encoder_2.", "clip_g.", "embedders.1.")
FIRST_OF_TWO = spelled("lora_te1.", "clip_l.", "embedders.0.")
TEXT = re.compile(rb"(?:encoder[._]layers|resblocks)[._]\d")
LATE_TEXT = re.compile(rb"(?:encoder[._]layers|resblocks)[._](?:1[2-9]|2\d)[._]")
# What stands beside the names of Stable Diffusion's blocks in files that are no LoRA for it.
STRANGE = (
    *(b'"lllite_', b'"lora_controlnet"', b'"model.diffusion_model.', b'"control_model'),
    *(b"motion_modules", b"temporal_transformer", b"_guidance_layer", b"double_blocks"),
    *(b"joint_blocks", b"controlnet", b'"lora_te3_', b'"text_encoder_3.', b".t5xxl."),
    *(b'"id_encoder.', b'"lora_weights.'),
)
LORA = (
    *(b"lora", b"hada_", b"lokr_", b"oft_", b"ia3", b'.alpha"', b'.diff"', b'.diff_b"'),
    *(b"dora_scale", b".a1.weight", b"on_input", b"w_norm"),
)
ALGORITHMS = (  # slots in a key -> what people call it; the first that is there counts
    (b"dora_scale", "DoRA"),
    (b"lora_magnitude_vector", "DoRA"),
    (b"hada_", "LoHa"),
    (b"lokr_", "LoKr"),
    (b"boft_", "BOFT"),
    (b"oft_", "OFT"),
    (b"on_input", "IA3"),
    (b".a1.weight", "GLoRA"),
    (b"lora", "LoRA"),
    (b".diff", "full"),
)
WIDTHS = {2048: "SDXL", 1024: "SD2", 768: "SD1"}
REFINER, WIDEST = {384, 768, 1536}, 1280  # outputs and inputs of the refiner's
ENOUGH = 6  # cross attention layers looked at
SAMPLE = 40  # keys looked at to say what else a file is


def glance(path: Path, outline: Outline) -> Glimpse:
    """Base and algorithm, in about a millisecond. NotALora says what else the file is."""
    keys = outline.tensors
    if not _is_for_stable_diffusion(keys):
        raise _refusal(path, outline)
    possible = _possible(keys)
    said = base_said(outline.metadata)
    trusted = said and (not possible or said in possible)
    base = said if trusted else next(iter(possible), UNKNOWN.name)
    return Glimpse(base or UNKNOWN.name, _algorithm(keys))


def _possible(keys: bytes) -> tuple[str, ...]:
    """The bases that the telling keys leave, the likeliest first."""
    if _any(UNET, keys):
        return _by_unet(keys)
    if _any(SECOND_TEXT + FIRST_OF_TWO, keys):
        return ("SDXL",)
    return _by_text(keys)


def _by_unet(keys: bytes) -> tuple[str, ...]:
    widths = set[int]().union(*_cross_attention(keys))
    told = [name for width, name in WIDTHS.items() if width in widths]
    if max(widths, default=0) > max(WIDTHS):
        return ()  # Kolors, for one
    if _any(DEEP, keys):
        refiner = "SDXL" not in told and widths & REFINER and WIDEST in widths
        return ("SDXL refiner",) if refiner else ("SDXL",)
    if not _any(SHALLOW, keys):
        return tuple(told[:1])
    return tuple(told[:1]) or _by_text(keys) or ("SD1", "SD2")


def _by_text(keys: bytes) -> tuple[str, ...]:
    """SD 1 has 12 layers of text encoder, SD 2 has 23."""
    if not TEXT.search(keys):
        return ()
    return ("SD2",) if LATE_TEXT.search(keys) else ("SD1",)


def _cross_attention(keys: bytes) -> Iterator[set[int]]:
    """The sizes, module by module; of a Kronecker product also the product of its inputs."""
    modules: dict[bytes, list[tuple[int, ...]]] = {}
    for found in CROSS.finditer(keys):
        name = keys[keys.rfind(b'"', 0, found.start()) : found.end(0)].partition(b"to_")
        module = name[0] + name[2][:1]
        if module not in modules and len(modules) == ENOUGH:
            break
        shape = SHAPE.search(found[1])
        sizes = tuple(map(int, shape[1].split(b","))) if shape and shape[1].strip() else ()
        modules.setdefault(module, []).append(sizes)
    factored = b"lokr_" in keys
    for shapes in modules.values():
        yield {size for shape in shapes for size in shape}
        inputs = [shape[1] for shape in shapes if factored and len(shape) > 1]
        yield {a * b for at, a in enumerate(inputs) for b in inputs[at + 1 :]} & WIDTHS.keys()


def _algorithm(keys: bytes) -> str:
    return next((name for slot, name in ALGORITHMS if slot in keys), "")


def _is_for_stable_diffusion(keys: bytes) -> bool:
    known = _any(UNET, keys) or TEXT.search(keys)
    return bool(known) and _any(LORA, keys) and not _any(STRANGE, keys)


def _any(names: tuple[bytes, ...], keys: bytes) -> bool:
    return any(name in keys for name in names)


def _refusal(path: Path, outline: Outline) -> NotALora:
    """What the file is instead, by a sample of its keys."""
    text = outline.tensors
    entries = re.finditer(rb'"((?:[^"\\]|\\.){1,300})"\s*:\s*\{([^{}]*)\}', text)
    found = [(one[1], one[2]) for one in entries]
    step = max(1, len(found) // SAMPLE)
    kept = dict([*found[:8], *found[::step], *found[-8:]])
    shapes = {_text(key): _shape(rest) for key, rest in kept.items()}
    shapes.pop("__metadata__", None)
    return not_a_lora.refusal(path, shapes, outline.metadata)


def _text(key: bytes) -> str:
    try:
        return str(json.loads(b'"' + key + b'"'))
    except ValueError:
        return key.decode(errors="replace")


def _shape(rest: bytes) -> tuple[int, ...]:
    found = SHAPE.search(rest)
    return tuple(map(int, found[1].split(b","))) if found and found[1].strip() else ()
