"""OFT of the inputs, as PEFT (since 0.14) and OneTrainer write it: y = W (x R) + b.

`oft_R.weight` holds the upper triangles of skew-symmetric Q. R is OneTrainer's five terms of a
Neumann series, I + 2Q + 2Q² + 2Q³ + Q⁴ ≈ (I + Q)(I − Q)⁻¹, or PEFT's exact (I − Q)(I + Q)⁻¹,
which turns the other way. PEFT's configuration says which; where it is not there, PEFT's default
of today is taken, the series, but for keys of diffusers' dialect: such files are of PEFT's time
before it, unless OneTrainer's name is in them.
PEFT turns the columns of a convolution's weight as it turns those of a linear layer, W Rᵀ;
OneTrainer turns them the other way, W R. `oft_R.scaled_oft` is OneTrainer's sign that Q is to be
divided by 2√(n − 1). Qiu et al. 2025 (OFTv2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..deltas import Delta, InputMap, Layer
from ..errors import ModuleError
from ..records import Kind, Shape
from .base import Algorithm
from .channels import back, last
from .rotation import blockwise
from .values import ComputeSpec
from .watched_layer import WatchedLayer
from .weight_shapes import refuse_norm

TERMS = 5
PEFTS = frozenset({"PEFT", "diffusers", "bare"})  # dialects that PEFT's users write
SERIES = (
    "oft_R is read as a series of five terms, the default of PEFT and OneTrainer: nothing says who "
    "wrote it, and PEFT's exact rotation (use_cayley_neumann=False) turns the other way"
)
EXACT = (
    "oft_R is read as PEFT's exact rotation (use_cayley_neumann=False): nothing says who wrote it, "
    "and the series of five terms, the default of PEFT and OneTrainer, turns the other way; PEFT's "
    "adapter_config.json beside the file decides"
)


@dataclass(slots=True)
class InputRotation(InputMap):
    """x → x + blocks on its channels. `blocks` (K, n, m): the rotation less I."""

    blocks: Tensor

    def shift(self, layer: Layer, x: Tensor) -> Tensor:
        """x R."""
        return x + back(layer, blockwise(last(layer, x), self.blocks))


def delta_weight(weight: Tensor, blocks: Tensor) -> Tensor:
    """W (R − I)ᵀ in blocks of W's columns (o, i·kh·kw); `blocks` (K, n, m) are R − I."""
    return blockwise(weight.flatten(1), blocks.mT).reshape(weight.shape)


def neumann(skew: Tensor, terms: int) -> Tensor:
    """2Q + 2Q² + … + Qⁿ⁻¹: PEFT's series of n terms for R, less I."""
    if terms < 2:
        return torch.zeros_like(skew)
    total, power = 2 * skew, skew
    last_power = max(terms - 1, 3)
    for exponent in range(2, last_power + 1 if terms > 2 else 2):
        power = power @ skew
        total = total + (power if exponent == last_power else 2 * power)
    return total


class PeftOft(Algorithm):
    """`oft_R` (K, n(n−1)/2); K is 1 where all blocks are the same; `oft_scaled` is a flag."""

    name = "peft_oft"
    required = frozenset({"oft_R"})
    suffixes: ClassVar = {
        "oft_R": ("oft_R.weight", "oft_R.{name}.weight"),
        "oft_scaled": ("oft_R.scaled_oft", "oft_R.{name}.scaled_oft"),
    }

    def check(self) -> None:
        shape = self.shape("oft_R")
        block = self.block
        if len(shape) != 2 or block * (block - 1) // 2 != shape[1]:
            raise ModuleError(
                "form", f"oft_R has shape {shape}; expected triangles, n(n − 1)/2 columns"
            )

    @property
    def block(self) -> int:
        """n."""
        return (1 + math.isqrt(1 + 8 * self.shape("oft_R")[-1])) // 2

    @property
    def by_peft(self) -> bool:
        """Did PEFT write it, or OneTrainer? If the file does not say, its dialect has to do."""
        if "oft_scaled" in self.tensors:
            return False
        if self.settings.writer:
            return self.settings.writer == "PEFT"
        return self.settings.format in PEFTS

    @property
    def reading(self) -> str | None:
        """Which of the two was taken, where the other could be meant."""
        if self.settings.writer or not self.by_peft:
            return None
        return EXACT if self._exact_by_default else SERIES

    @property
    def _exact_by_default(self) -> bool:
        """Where there is a configuration, PEFT wrote it before it had the option."""
        return self.by_peft and (bool(self.settings.config) or self.settings.format == "diffusers")

    def fit_shape(self, kind: Kind, shape: Shape) -> None:
        count, columns = self.shape("oft_R")[0], math.prod(shape[1:])
        shared = count == 1 and columns % self.block == 0
        refuse_norm(kind)
        if not (count * self.block == columns or shared):
            made = f"{count} blocks of {self.block} are for {count * self.block} inputs"
            raise ModuleError("shape", f"{made}; the layer has {columns}")

    def blocks(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """R − I, (K, n, n) or one for all, so that x' = x + x (R − I)."""
        triangles = self.get("oft_R", spec)
        skew = self._constrained(self._skew(triangles))
        if "oft_scaled" in self.tensors:
            skew = skew / (2 * math.sqrt(self.block - 1))
        turned = self._rotation(skew)
        return turned.mT if layer.kind == "conv" and not self.by_peft else turned

    def _skew(self, triangles: Tensor) -> Tensor:
        rows, columns = torch.triu_indices(self.block, self.block, 1, device=triangles.device)
        skew = triangles.new_zeros(triangles.shape[0], self.block, self.block)
        skew[:, rows, columns] = triangles
        return skew - skew.mT

    def _constrained(self, skew: Tensor) -> Tensor:
        """COFT: no block of Q longer than ε / √K."""
        config = self.settings.config
        if not config.get("coft"):
            return skew
        limit = float(config.get("eps", 6e-5)) / math.sqrt(skew.shape[0])
        lengths = torch.linalg.matrix_norm(skew, keepdim=True)
        return torch.where(lengths > limit, skew * (limit / lengths), skew)

    def _rotation(self, skew: Tensor) -> Tensor:
        config = self.settings.config
        if config.get("use_cayley_neumann", not self._exact_by_default):
            return neumann(skew, int(config.get("num_cayley_neumann_terms", TERMS)))
        # (I − Q)(I + Q)⁻¹ − I
        identity = torch.eye(self.block, dtype=skew.dtype, device=skew.device)
        turned: Tensor = torch.linalg.solve(identity + skew, -2 * skew, left=False)
        return turned

    def delta_weight(self, layer: WatchedLayer, spec: ComputeSpec) -> Tensor:
        """W (R − I)ᵀ."""
        return delta_weight(spec.of(layer.weight), self.blocks(layer, spec))

    def factored_delta(self, layer: WatchedLayer, spec: ComputeSpec) -> Delta | None:
        """The blocks on x; a kernel's columns are no channels."""
        if math.prod(layer.shape[2:]) != 1:
            return None
        return InputRotation(self.blocks(layer, spec))
