"""LoRA, LoCon and their relatives: ΔW = s · B A, s = α / r.

Hu et al. 2021 (LoRA); kohya's and LyCORIS' convolutions (LoCon: the kernel is in A) with CP/Tucker
core (`lora_mid`); Kalajdzievski 2023 (rs-LoRA). LoRA-FA and DyLoRA write the same tensors.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from ..deltas import Delta, LowRank
from ..errors import ModuleError
from ..records import Shape
from . import residual, weight_shapes
from .base import Algorithm
from .values import ComputeSpec
from .watched_layer import WatchedLayer


def delta_weight(down: Tensor, up: Tensor, mid: Tensor | None = None) -> Tensor:
    """B A, without the scale: (o, i[, kh, kw]).

    For `down` (r, i[, kh, kw]) and `up` (o, r) it is Σ_q up[o, q] down[q, i, kl]; with a core `mid`
    (r, r, kh, kw) and `down` (r, i), Σ_pq up[o, p] mid[p, q, kl] down[q, i].
    """
    down = folded(down, mid)
    return (up @ down.flatten(1)).reshape(-1, *down.shape[1:])


def folded(down: Tensor, mid: Tensor | None) -> Tensor:
    """mid · down as one down (r, i, kh, kw); without a core, down itself."""
    if mid is None:
        return down
    return torch.einsum("pqhw,qi->pihw", mid, weight_shapes.matrix(down))


def low_rank(down: Tensor, up: Tensor, mid: Tensor | None, shape: Shape) -> LowRank:
    """up(mid(down x)) on a layer of this shape; the core stays where the kernel has its size.

    The scale is in `up` already.
    """
    if mid is not None and mid.shape[2:] == shape[2:]:
        down = weight_shapes.onto(down, (0, shape[1], 1, 1))
        return LowRank(weight_shapes.matrix(down), up, mid)
    return LowRank(weight_shapes.onto(folded(down, mid), shape), up)


class Lora(Algorithm):
    """`up` (o, r[, 1, 1]), `down` (r, i[, kh, kw]); perhaps `mid` (r, r, kh, kw) and `up_bias`."""

    name = "lora"
    scaled = True
    required = frozenset({"up", "down"})
    suffixes: ClassVar = {
        "up": (
            "lora_up.weight",
            "lora_up",
            "lora_up.{name}.weight",
            "lora_B.weight",
            "lora_B.{name}.weight",
            "lora_B",
            "lora_B.{name}",
            "lora.up.weight",
            "lora_layer.up.weight",
            "lora_linear_layer.up.weight",
            "lora_conv2d_layer.up.weight",
            "_lora.up.weight",
            "___.layer.W_up",
            "___.layer.lora_up.weight",
        ),
        "down": (
            "lora_down.weight",
            "lora_down",
            "lora_down.{name}.weight",
            "lora_A.weight",
            "lora_A.{name}.weight",
            "lora_A",
            "lora_A.{name}",
            "lora.down.weight",
            "lora_layer.down.weight",
            "lora_linear_layer.down.weight",
            "lora_conv2d_layer.down.weight",
            "_lora.down.weight",
            "___.layer.W_down",
            "___.layer.lora_down.weight",
        ),
        "mid": ("lora_mid.weight", "lora.mid.weight", "_lora.mid.weight"),
        "up_bias": ("lora_B.bias", "lora_B.{name}.bias", "lora_up.bias", "lora.up.bias"),
    }

    def check(self) -> None:
        columns = weight_shapes.matrix_shape("up", self.shape("up"))[1]
        down = self.shape("down")
        if len(down) < 2:
            raise ModuleError("form", f"down has shape {down}; expected (rank, inputs)")
        rank = down[0]
        if "mid" in self.tensors:
            mid = self.shape("mid")
            weight_shapes.matrix_shape("down", down)
            if len(mid) != 4 or mid[:2] != (columns, rank):
                reason = (
                    f"mid has shape {mid}, between an up of rank {columns} and a down of {rank}"
                )
                raise ModuleError("rank", reason)
        elif columns != rank:
            raise ModuleError("rank", f"up has rank {columns}, down has rank {rank}")

    @property
    def rank(self) -> int:
        """The rows of down."""
        return self.shape("down")[0]

    def delta_shape(self) -> Shape:
        """(o, i[, kh, kw])."""
        kernel = self.shape("mid")[2:] if "mid" in self.tensors else self.shape("down")[2:]
        return (self.shape("up")[0], self.shape("down")[1], *kernel)

    def factors(self, spec: ComputeSpec) -> tuple[Tensor, Tensor, Tensor | None]:
        """down, up and mid: their first `used_rank` rows and columns, not rescaled (dyn=)."""
        used = self.used_rank
        down = self.get("down", spec)[:used]
        up = weight_shapes.matrix(self.get("up", spec))[:, :used]
        mid = self.get("mid", spec)[:used, :used] if "mid" in self.tensors else None
        return down, up, mid

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """s · (B A + residual)."""
        product = delta_weight(*self.factors(spec))
        return residual.added(product, self.tensors, layer.shape, spec) * self.scale

    def factored_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta | None:
        """s · up(mid(down x)), unless a residual is as large as W."""
        if "bias" in self.tensors:
            return None
        low = self._as_in_the_file(layer, spec)
        if low is None:
            down, up, mid = self.factors(spec)
            low = low_rank(down, up * self.scale, mid, layer.shape)
        return residual.beside(low, self.tensors, self.scale, layer.shape, spec)

    def _as_in_the_file(self, layer: WatchedLayer, spec: ComputeSpec) -> LowRank | None:
        """The file's factors in their own dtype, where they have the layer's shape: one pass."""
        down, up = self.tensors["down"], weight_shapes.matrix(self.tensors["up"])
        if "mid" in self.tensors or math.prod(down.shape[1:]) != math.prod(layer.shape[1:]):
            return None
        down, up = down.to(spec.device), up.to(spec.device)
        if self.used_rank != self.rank:
            down, up = down[: self.used_rank], up[:, : self.used_rank]
        return LowRank(down.reshape(-1, *layer.shape[1:]), spec.times(up, self.scale))

    def bias_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor | None:
        """`diff_b` as it is, and s · `up_bias` (PEFT's lora_bias)."""
        total = super().bias_delta(layer, spec)
        if "up_bias" in self.tensors:
            own = self.bias_of("up_bias", layer, spec) * self.scale
            total = own if total is None else total + own
        return total
