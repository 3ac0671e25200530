"""T-LoRA: ΔW = s · (P diag(λ) Q − P₀ diag(λ₀) Q₀). LyCORIS since 4.0.

P₀, λ₀, Q₀ are the r greatest singular triplets of W before the training, which the file
does not hold: P₀ diag(λ₀) Q₀ is W projected onto its r strongest directions.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ..deltas import Delta
from ..errors import ModuleError
from ..records import Kind, Shape
from . import lora, residual, weight_shapes
from .base import Algorithm
from .values import ComputeSpec
from .watched_layer import WatchedLayer


def strongest(weight: Tensor, rank: int, spec: ComputeSpec) -> tuple[Tensor, Tensor]:
    """U (o, r) and Uᵀ W (r, i) (or W V and Vᵀ) of the r greatest singular values, in their order.

    By the eigenvectors of the smaller Gram matrix in float64: for 1280 x 5120 it takes 1.6 s of
    one core where an SVD in float32 takes 7.4 s, for a square W as long.
    """
    exact = spec.exact(weight)
    wide = exact.shape[0] <= exact.shape[1]
    gram = exact @ exact.t() if wide else exact.t() @ exact
    vectors = torch.linalg.eigh(gram).eigenvectors.flip(-1)[:, :rank]
    pair = (vectors, vectors.t() @ exact) if wide else (exact @ vectors, vectors.t())
    return spec.of(pair[0]), spec.of(pair[1])


class Tlora(Algorithm):
    """`q` (r, i), `p` (o, r), `lambda` (1, r), all of them also as 1x1 convolutions."""

    name = "tlora"
    required = frozenset({"q_layer", "p_layer", "lambda_layer"})
    suffixes: ClassVar = {
        "q_layer": ("q_layer.weight",),
        "p_layer": ("p_layer.weight",),
        "lambda_layer": ("lambda_layer",),
    }

    def check(self) -> None:
        q = weight_shapes.matrix_shape("q_layer", self.shape("q_layer"))
        p = weight_shapes.matrix_shape("p_layer", self.shape("p_layer"))
        ranks = {q[0], p[1], self.tensors["lambda_layer"].numel()}
        if len(ranks) > 1:
            raise ModuleError("rank", f"q, p and lambda have different ranks: {sorted(ranks)}")

    @property
    def rank(self) -> int:
        """The rows of q."""
        return self.shape("q_layer")[0]

    def delta_shape(self) -> Shape:
        """(o, i)."""
        return (self.shape("p_layer")[0], self.shape("q_layer")[1])

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        """Not on kernels: LyCORIS writes such files, and cannot run them either."""
        super().fit_shape(kind, shape)
        if self.delta_shape()[1] != torch.Size(shape[1:]).numel():
            raise ModuleError(
                "shape", "T-LoRA is not defined for kernels, nor for another number of inputs"
            )

    def factors(self, layer: WatchedLayer, spec: ComputeSpec) -> tuple[Tensor, Tensor]:
        """down and up of rank 2r: [Q; Q₀] and [P diag(λ), −P₀ diag(λ₀)]."""
        used = self.used_rank
        q, p = (weight_shapes.matrix(self.get(slot, spec)) for slot in ("q_layer", "p_layer"))
        p = p * self.get("lambda_layer", spec).flatten()
        start, onto = strongest(layer.weight.flatten(1), q[:used].shape[0], spec)
        return torch.cat([q[:used], onto]), torch.cat([p[:, :used], -start], 1)

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """s · (P diag(λ) Q − P₀ diag(λ₀) Q₀ + residual)."""
        product = lora.delta_weight(*self.factors(layer, spec))
        return residual.added(product, self.tensors, layer.shape, spec) * self.scale

    def factored_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta | None:
        """LowRank of rank 2r."""
        if "bias" in self.tensors:
            return None
        down, up = self.factors(layer, spec)
        low = lora.low_rank(down, up * self.scale, None, layer.shape)
        return residual.beside(low, self.tensors, self.scale, layer.shape, spec)
