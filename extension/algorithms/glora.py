"""GLoRA: ΔW = s · (W a1 a2 + b1 b2). Chavan et al. 2023, in LyCORIS' form.

Since LyCORIS 3.0 a1 is (i, r), a2 (r, i), b1 (o, r), b2 (r, i·k²); before, the names were the
other way round: a1 (r, i), a2 (i, r), b1 (r, i·k²), b2 (o, r), ΔW = s · (W a2 a1 + b2 b1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from ..deltas import Delta, Layer, LowRank
from ..errors import ModuleError
from ..records import Kind, Shape
from . import lora, residual, weight_shapes
from .base import Algorithm
from .values import ComputeSpec
from .watched_layer import WatchedLayer


@dataclass(slots=True)
class TwoPaths(Delta):
    """wa(a x) + up(mid(down x)) for a kernel: W·a1 (o, r, kh, kw) carries stride and padding."""

    a: Tensor
    wa: Tensor
    down: Tensor
    up: Tensor

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """`a` (r, i), `wa` (o, r, kh, kw), `down` (r, i, kh, kw), `up` (o, r)."""
        through_w = layer.apply(layer.pointwise(x, self.a), self.wa)
        return through_w + layer.pointwise(layer.apply(x, self.down), self.up)


def delta_weight(weight: Tensor, a1: Tensor, a2: Tensor, b: Tensor) -> Tensor:
    """W a1 a2 + b, without the scale: (o, i, …), (i, r), (r, i) and b1 b2 in W's shape."""
    return torch.einsum("oi...,ir,rj->oj...", weight, a1, a2) + b


class Glora(Algorithm):
    """`a1`, `a2`, `b1`, `b2` in either order, perhaps with the core `bm` (r, r, kh, kw) in b."""

    name = "glora"
    required = frozenset({"a1", "a2", "b1", "b2"})
    suffixes: ClassVar = {slot: (f"{slot}.weight",) for slot in ("a1", "a2", "b1", "b2", "bm")}

    @property
    def renamed(self) -> bool:
        """Are the names those before LyCORIS 3.0? There a1 is wide, (r, i); a square one is new."""
        a1, b2 = self.shape("a1"), self.shape("b2")
        wide = a1[0] < a1[1]
        square = a1[0] == a1[1]
        return wide or (square and b2[1] == a1[1] and b2[0] > b2[1])

    def named(self) -> tuple[str, str, str, str]:
        """The slots of (a1, a2, b1, b2) in the new order."""
        return ("a2", "a1", "b2", "b1") if self.renamed else ("a1", "a2", "b1", "b2")

    def check(self) -> None:
        for slot in ("a1", "a2", "b1", "b2"):
            if len(self.shape(slot)) < 2:
                raise ModuleError("form", f"{slot} has shape {self.shape(slot)}; expected a matrix")
        a1, a2, b1 = (
            weight_shapes.matrix_shape(slot, self.shape(slot)) for slot in self.named()[:3]
        )
        b2 = self.shape(self.named()[3])
        if a1[::-1] != a2:
            raise ModuleError("rank", f"a1 {a1} and a2 {a2} do not match")
        if b1[1] != b2[0]:
            raise ModuleError("rank", f"b1 has rank {b1[1]}, b2 has rank {b2[0]}")
        core = self.shape("bm") if "bm" in self.tensors else (b1[1], b2[0], 1, 1)
        if core[:2] != (b1[1], b2[0]) or len(core) != 4:
            raise ModuleError("rank", f"bm has shape {core}, between b1 and b2 of rank {b1[1]}")

    @property
    def rank(self) -> int:
        """r."""
        return self.shape(self.named()[1])[0]

    def delta_shape(self) -> Shape:
        """(o, i[, kh, kw])."""
        _, _, b1, b2 = self.named()
        kernel = self.shape("bm")[2:] if "bm" in self.tensors else self.shape(b2)[2:]
        return (self.shape(b1)[0], self.shape(b2)[1], *kernel)

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        super().fit_shape(kind, shape)
        inputs = self.shape(self.named()[1])[1]
        if inputs != shape[1] and not (
            inputs == weight_shapes.LATENT and shape[1] in weight_shapes.WIDENED
        ):
            raise ModuleError("shape", f"a is for {inputs} inputs; the layer has {shape[1]}")

    def a(self, spec: ComputeSpec, channels: int) -> tuple[Tensor, Tensor]:
        """a1 (i, r) and a2 (r, i) for i = `channels`, at the used rank."""
        a1, a2 = (weight_shapes.matrix(self.get(slot, spec)) for slot in self.named()[:2])
        a1, a2 = a1[:, : self.used_rank], a2[: self.used_rank]
        more = channels - a1.shape[0]  # an inpainting model's, of which the file knows nothing
        return F.pad(a1, (0, 0, 0, more)), F.pad(a2, (0, more))

    def b(self, spec: ComputeSpec) -> tuple[Tensor, Tensor]:
        """b2 as a down (r, i[, kh, kw]) and b1 as an up (o, r), at the used rank."""
        used = self.used_rank
        up, down = (self.get(slot, spec) for slot in self.named()[2:])
        mid = self.get("bm", spec)[:used, :used] if "bm" in self.tensors else None
        return lora.folded(down[:used], mid), weight_shapes.matrix(up)[:, :used]

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """s · (W a1 a2 + b1 b2 + residual)."""
        weight = spec.of(layer.weight)
        b = weight_shapes.onto(lora.delta_weight(*self.b(spec)), layer.shape)
        product = delta_weight(weight, *self.a(spec, weight.shape[1]), b)
        return residual.added(product, self.tensors, layer.shape, spec) * self.scale

    def factored_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta | None:
        """Rank 2r with W a1 multiplied out; for kernels the two paths beside each other."""
        if "bias" in self.tensors:
            return None
        weight = spec.of(layer.weight)
        a1, a2 = self.a(spec, weight.shape[1])
        down, up = self.b(spec)
        wa = torch.einsum("oi...,ir->or...", weight, a1) * self.scale
        down, up = weight_shapes.onto(down, layer.shape), up * self.scale
        delta: Delta
        if wa.shape[2:].numel() == 1:
            down = torch.cat([a2.reshape(-1, *layer.shape[1:]), down])
            delta = LowRank(down, torch.cat([weight_shapes.matrix(wa), up], 1))
        else:
            delta = TwoPaths(a2, wa, down, up)
        return residual.beside(delta, self.tensors, self.scale, layer.shape, spec)
