"""LoRA, LoCon and their relatives: ΔW = s · B A, s = α / r.

Hu et al. 2021 (LoRA); kohya's and LyCORIS' convolutions (LoCon: the kernel is in A) with CP/Tucker
core (`lora_mid`); Kalajdzievski 2023 (rs-LoRA). LoRA-FA and DyLoRA write the same tensors.
"""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from ..deltas import Delta, Layer, LowRank
from ..errors import ModuleError
from . import residual, weight_shapes
from .factored import Factored, Factors
from .registry import Shape
from .values import ComputeSpec


class Lora(Factored):
    """`up` (o, r[, 1, 1]), `down` (r, i[, kh, kw]); perhaps `mid` (r, r, kh, kw) and `up_bias`."""

    name = "lora"
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
        """Raises ModuleError where the ranks of up, mid and down differ, or are 0."""
        columns = weight_shapes.matrix_shape("up", self.shape("up"))[1]
        down = self.shape("down")
        if len(down) < 2:
            raise ModuleError("form", f"down should be (rank, inputs) and is {down}")
        inner = (columns, down[0])
        if "mid" in self.tensors:
            mid = self.shape("mid")
            weight_shapes.matrix_shape("down", down)
            if len(mid) != 4 or mid[:2] != inner:
                raise ModuleError(
                    "rank", f"mid is {mid}, between an up of rank {inner[0]} and {inner[1]}"
                )
        elif columns != down[0]:
            raise ModuleError("rank", f"up has rank {columns}, down has rank {down[0]}")

    @property
    def rank(self) -> int:
        """The rows of down."""
        return self.shape("down")[0]

    def made(self) -> Shape:
        """(o, i[, kh, kw])."""
        kernel = self.shape("mid")[2:] if "mid" in self.tensors else self.shape("down")[2:]
        return (self.shape("up")[0], self.shape("down")[1], *kernel)

    def factors(self, layer: Layer, place: ComputeSpec) -> Factors:
        """The first `used_rank` columns of up and rows of down; nothing is rescaled (dyn=)."""
        used = self.used_rank
        up = weight_shapes.matrix(self.get("up", place))[:, :used]
        down = self.get("down", place)[:used]
        mid = self.get("mid", place)[:used, :used] if "mid" in self.tensors else None
        return Factors(down, up, mid)

    def short_form(self, layer: Layer, place: ComputeSpec) -> Delta:
        """LowRank; without a core, and of the layer's own shape, in the fewest passes."""
        shape = tuple(layer.weight.shape)
        down, up = self.tensors["down"], weight_shapes.matrix(self.tensors["up"])
        if "mid" in self.tensors or math.prod(down.shape[1:]) != math.prod(shape[1:]):
            return super().short_form(layer, place)
        down, up = down.to(place.device), up.to(place.device)
        if self.used_rank != self.rank:
            down, up = down[: self.used_rank], up[:, : self.used_rank]
        return LowRank(down.reshape(-1, *shape[1:]), place.times(up, self.scale))

    def bias_change(self, layer: Layer, place: ComputeSpec) -> Tensor | None:
        """`diff_b` as it is, and s · `up_bias` (PEFT's lora_bias)."""
        total = super().bias_change(layer, place)
        if "up_bias" in self.tensors:
            own = residual.bias("up_bias", self.get("up_bias", place), layer) * self.scale
            total = own if total is None else total + own
        return total
