"""open_clip's fused projection: a file's `attn.in_proj` is the host's q, k and v, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from ..deltas import Delta, LowRank
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


def unfused(delta: Delta, whole: object) -> Delta:
    """A third's delta, so that it costs the least; `whole` is equal for the three of one module.

    Where B is block-diagonal (three LoRAs that sd-scripts' `split_qkv` saved as one) it has the
    ranks of its own block; else the three have the same A, which is said in `common`.
    """
    if not isinstance(delta, LowRank) or delta.mid is not None:
        return delta
    used = delta.up.ne(0).any(dim=0)  # (r,)
    if used.all() or not used.any():
        return replace(delta, common=whole)
    return replace(delta, down=delta.down[used], up=delta.up[:, used])


def _third(slot: str, shape: Shape) -> Shape:
    if slot not in CUT:
        return shape
    if not shape or shape[0] % 3:
        raise ModuleError(
            "fused",
            f"is for q, k and v in one, but {slot} of shape {shape} cannot be split in three",
        )
    return (shape[0] // 3, *shape[1:])
