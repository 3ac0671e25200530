"""open_clip's fused projection: a file's `attn.in_proj` is the host's q, k and v, row by row."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from ..errors import ModuleError
from ..records import Shape, Shapes

ENDING = "_in_proj"
THIRDS = ("_q_proj", "_k_proj", "_v_proj")  # the order of the rows of `in_proj_weight`
CUT = {"up", "diff", "diff_b", "up_bias", "hada_w1_a", "hada_w2_a"}  # slots with a row per output
WHOLE = {"down", "mid", "alpha", "scale", "hada_w1_b", "hada_w2_b"}


def keys(key: str) -> Iterator[tuple[str, int | None]]:
    """The layers that a canonical key stands for, each with its third of the rows (None: all)."""
    if not key.endswith(ENDING):
        yield key, None
        return
    for third, name in enumerate(THIRDS):
        yield key.removesuffix(ENDING) + name, third


def cut_shapes(shapes: Shapes) -> dict[str, Shape]:
    """The shapes of one third. ModuleError where the algorithm cannot be split by rows."""
    whole = shapes.keys() - CUT - WHOLE
    if whole:
        raise ModuleError(
            "fused", f"is for q, k and v in one, and {', '.join(sorted(whole))} cannot be split"
        )
    return {slot: _third(slot, shape) for slot, shape in shapes.items()}


def cut(slot: str, tensor: Tensor, third: int | None) -> Tensor:
    """The rows of one third, where the slot has rows for outputs."""
    return tensor if third is None or slot not in CUT else tensor.chunk(3)[third]


def _third(slot: str, shape: Shape) -> Shape:
    if slot not in CUT:
        return shape
    if not shape or shape[0] % 3:
        raise ModuleError(
            "fused",
            f"is for q, k and v in one, but {slot} of shape {shape} cannot be split in three",
        )
    return (shape[0] // 3, *shape[1:])
