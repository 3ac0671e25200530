"""OFT of the outputs: W' = ρ ∘ Rᵀ W in blocks. Qiu et al. 2023; kohya, LyCORIS (diag-OFT).

Q = B − Bᵀ, shortened to the constraint α · o where α > 0; R = (I + Q)(I − Q)⁻¹;
W'[k, m] = ρ[k, m] Σ_n R[k, n, m] W[k, n]. The bias is not rotated.
LyCORIS 2.0 wrote R itself, with ρ in it, as `oft_diag`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..deltas import Delta, Layer, OutputMap
from ..errors import ModuleError
from ..records import Kind, Shape, Shapes
from .base import Algorithm
from .channels import back, last, vector
from .rotation import blockwise, bounded, cayley, skewed
from .values import ComputeSpec
from .watched_layer import WatchedLayer
from .weight_shapes import refuse_norm


def delta_weight(weight: Tensor, blocks: Tensor) -> Tensor:
    """Σ_n W[k, n] blocks[k, n, m] on the rows of W (o, …); `blocks` (K, n, m) are ρ ∘ R less I."""
    turned = blockwise(weight.flatten(1).t(), blocks)
    return turned.t().reshape(weight.shape)


@dataclass(slots=True)
class OutputRotation(OutputMap):
    """Wx → Wx + blocks on its channels. `blocks` (K, n, m): the rescaled rotation less I."""

    blocks: Tensor

    def __call__(self, layer: Layer, x: Tensor, wx: Tensor | None = None) -> Tensor:
        """Σ_n Wx[k, n] blocks[k, n, m]."""
        assert wx is not None
        return back(layer, blockwise(last(layer, wx), self.blocks))


class Rotation(Algorithm):
    """A change of Wx's channels by blocks (K, n, n). Override `blocks` and `size`."""

    def size(self) -> Shape:
        """(K, n, n)."""
        raise NotImplementedError

    def blocks(self, outputs: int, spec: ComputeSpec) -> Tensor:
        """(K, n, m): what is added to W or Wx."""
        raise NotImplementedError

    def check(self) -> None:
        size = self.size()
        if len(size) != 3 or size[1] != size[2]:
            raise ModuleError(
                "form", f"its blocks have shape {size}; expected square ones, (K, n, n)"
            )

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        count, block, _ = self.size()
        refuse_norm(kind)
        if count * block != shape[0]:
            made = f"{count} blocks of {block} are for {count * block} outputs"
            raise ModuleError("shape", f"{made}; the layer has {shape[0]}")
        if "rescale" in self.tensors:
            vector("rescale", self.tensors["rescale"], shape[0], "outputs")

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """The blocks on the rows of W."""
        return delta_weight(spec.of(layer.weight), self.blocks(layer.outputs, spec))

    def factored_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta | None:
        """The blocks on Wx."""
        return OutputRotation(self.blocks(layer.outputs, spec))


class Oft(Rotation):
    """`oft_blocks` (K, n, n) = B, perhaps `rescale` (o, 1…) = ρ; `alpha` is the constraint."""

    name = "oft"
    family = "oft_blocks"
    required = frozenset({"oft_blocks"})
    suffixes: ClassVar = {"oft_blocks": ("oft_blocks",), "rescale": ("rescale",)}

    @classmethod
    def claims(cls, shapes: Shapes) -> bool:
        """Blocks by place; by stage and place they are BOFT."""
        return len(shapes.get("oft_blocks", ())) in (2, 3)

    @property
    def alpha(self) -> float | None:
        """The constraint; 0 is none in LyCORIS, and in sd-scripts no rotation at all: refused."""
        tensor = self.tensors.get("alpha")
        lycoris = self.settings.format != "kohya OFT"
        if lycoris and tensor is not None and not tensor.is_meta and not bool(tensor.any()):
            return None
        return super().alpha

    def size(self) -> Shape:
        """(K, n, n)."""
        return self.shape("oft_blocks")

    def blocks(self, outputs: int, spec: ComputeSpec) -> Tensor:
        """ρ_m R[k, n, m] − δ_nm."""
        skew = bounded(skewed(self.get("oft_blocks", spec)), (self.alpha or 0.0) * outputs)
        turned = cayley(skew, spec)
        if "rescale" not in self.tensors:
            return turned
        factor = self.get("rescale", spec).reshape(turned.shape[0], 1, -1)
        return turned * factor + torch.diag_embed(factor[:, 0] - 1)


class OldOft(Rotation):
    """`oft_diag` (K, n, n) = R, with the rescale in it (LyCORIS 2.0)."""

    name = "oft_diag"
    required = frozenset({"oft_diag"})
    suffixes: ClassVar = {"oft_diag": ("oft_diag",)}

    def size(self) -> Shape:
        """(K, n, n)."""
        return self.shape("oft_diag")

    def blocks(self, outputs: int, spec: ComputeSpec) -> Tensor:
        """R − I."""
        turned = self.get("oft_diag", spec)
        return turned - torch.eye(turned.shape[-1], dtype=spec.dtype, device=spec.device)
