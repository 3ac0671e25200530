"""The blocks and elements of a UNet, as block weights name them.

Block names are those of the original layout, which lora-block-weight made known: BASE is the text
encoders, IN00–IN11, M00, OUT00–OUT11. All of SD 1.x, 2.x and SDXL have two layers per block, so
that the name follows from the target alone: down_blocks i, layer j is IN(3i+j+1), its downsampler
IN(3i+3); up_blocks i, layer j is OUT(3i+j), its upsampler OUT(3i+2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..records import Target
from .layer_names import RESNET_LAYERS

BLOCKS = (
    "BASE",
    *(f"IN{i:02}" for i in range(12)),
    "M00",
    *(f"OUT{i:02}" for i in range(12)),
)


def _chosen(ins: Iterable[int], outs: Iterable[int]) -> tuple[str, ...]:
    return (
        "BASE",
        *(f"IN{i:02}" for i in ins),
        "M00",
        *(f"OUT{i:02}" for i in outs),
    )


# How many numbers a list has → which blocks they are for (lora-block-weight's four lists).
LISTS: dict[int, tuple[str, ...]] = {
    12: _chosen((4, 5, 7, 8), range(6)),  # LoRA for SDXL
    17: _chosen((1, 2, 4, 5, 7, 8), range(3, 12)),  # LoRA for SD 1.x and 2.x
    20: _chosen(range(9), range(9)),  # LoCon and LyCORIS for SDXL
    26: BLOCKS,  # LoCon and LyCORIS for SD 1.x and 2.x
}

_DOWN = re.compile(r"down_blocks_(\d+)_(?:resnets|attentions)_(\d+)_")
_DOWNSAMPLER = re.compile(r"down_blocks_(\d+)_downsamplers_")
_UP = re.compile(r"up_blocks_(\d+)_(?:resnets|attentions)_(\d+)_")
_UPSAMPLER = re.compile(r"up_blocks_(\d+)_upsamplers_")


def block_of(target: Target) -> str | None:
    """The block a target is in; None for what is in none (time embedding, last convolution)."""
    if target.is_text:
        return "BASE"
    key = target.key
    if key.startswith("conv_in"):
        return "IN00"
    if key.startswith("mid_block_"):
        return "M00"
    if found := _DOWN.match(key):
        return f"IN{3 * int(found[1]) + int(found[2]) + 1:02}"
    if found := _DOWNSAMPLER.match(key):
        return f"IN{3 * int(found[1]) + 3:02}"
    if found := _UP.match(key):
        return f"OUT{3 * int(found[1]) + int(found[2]):02}"
    if found := _UPSAMPLER.match(key):
        return f"OUT{3 * int(found[1]) + 2:02}"
    return None


# Element → what a key has to hold, UNet's name or text encoder's.
ELEMENTS: dict[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "attn": r"_attn[12]?_",
        "self": r"_attn1_|_self_attn_",
        "cross": r"_attn2_",
        "ff": r"_ff_|_mlp_",
        "proj": r"_proj_(in|out)$",
        "conv": r"conv",
        "time": r"time_emb|add_embedding",
        "norm": r"norm",
        "q": r"_(to_q|q_proj)$",
        "k": r"_(to_k|k_proj)$",
        "v": r"_(to_v|v_proj)$",
        "out": r"_(to_out_0|self_attn_out_proj)$",
    }.items()
}
# The module names themselves, which lora-block-weight's lines use.
ELEMENTS |= {
    "attn1": ELEMENTS["self"],
    "attn2": ELEMENTS["cross"],
    "to_q": ELEMENTS["q"],
    "to_k": ELEMENTS["k"],
    "to_v": ELEMENTS["v"],
    "to_out": ELEMENTS["out"],
    "mlp": ELEMENTS["ff"],
}


def has_element(target: Target, element: str) -> bool:
    """True where the target is this element: attn, self, cross, ff, proj, conv, q, k, v, out …"""
    return ELEMENTS[element].search(target.key) is not None


def span_of_blocks(first: str, last: str) -> tuple[str, ...]:
    """All blocks from one to another, in either direction."""
    start, end = sorted((BLOCKS.index(first), BLOCKS.index(last)))
    return BLOCKS[start : end + 1]


def block_name(word: str) -> str | None:
    """IN4, in04, MID, OUT11, BASE … → the name in BLOCKS, or None."""
    word = word.strip().upper()
    if word in {"MID", "M00", "M0", "M"}:
        return "M00"
    found = re.fullmatch(r"(IN|OUT)0*(\d{1,2})", word)
    name = f"{found[1]}{int(found[2]):02}" if found else word
    return name if name in BLOCKS else None


def original_name(key: str) -> str:
    """A UNet key with the layer of a resnet called as in the original layout.

    The lines of lora-block-weight match with those names.
    """
    if "_resnets_" not in key:
        return key
    for theirs, ours in RESNET_LAYERS.items():
        key = key.replace(ours, theirs)
    return key
