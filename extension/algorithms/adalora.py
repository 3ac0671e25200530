"""AdaLoRA: ΔW = s · B diag(E) A, s = α / (n + 10⁻⁵). Zhang et al. 2023, as PEFT computes it.

n is the rank at the beginning of the training, `ranknum` in the file or `init_r` in PEFT's
configuration: the rank that a layer has kept, the rows of A, does not change the scale. α is in
the configuration alone, so that without it the strength is not known.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ..deltas import LowRank
from ..errors import ModuleError
from ..records import Shapes
from .lora import Lora
from .values import ComputeSpec, scalar
from .watched_layer import WatchedLayer

LEAST = 1e-5  # PEFT's guard against a rank of 0


class AdaLora(Lora):
    """LoRA's `up` (o, r) and `down` (r, i·kh·kw), with `lora_E` (r, 1) between them."""

    name = "adalora"
    required = frozenset({"up", "down", "lora_E"})
    suffixes: ClassVar = {
        "lora_E": ("lora_E", "lora_E.{name}"),
        "ranknum": ("ranknum", "ranknum.{name}"),
    }

    @classmethod
    def covers(cls, shapes: Shapes) -> set[str]:
        """LoRA's slots as well."""
        return super().covers(shapes) | Lora.covers(shapes)

    def check(self) -> None:
        super().check()
        if self.shape("lora_E") not in ((self.rank,), (self.rank, 1)):
            shape = self.shape("lora_E")
            raise ModuleError("rank", f"lora_E has shape {shape}, between factors of {self.rank}")
        if "alpha" not in self.tensors and self.settings.alpha is None:
            reason = "is AdaLoRA, whose alpha stands in adapter_config.json: put it beside the file"
            raise ModuleError("alpha", reason)

    @property
    def scale(self) -> float:
        """α / (n + 10⁻⁵)."""
        assert self.alpha is not None
        return self.alpha / (self._first_rank() + LEAST)

    def _first_rank(self) -> float:
        """n; the rank itself where nothing else is known."""
        if "ranknum" in self.tensors:
            return scalar("ranknum", self.tensors["ranknum"])
        said = self.settings.config.get("init_r")
        return float(said) if isinstance(said, (int, float)) and said > 0 else float(self.rank)

    def factors(self, spec: ComputeSpec) -> tuple[Tensor, Tensor, Tensor | None]:
        """diag(E) A and B."""
        down, up, mid = super().factors(spec)
        middle = self.get("lora_E", spec).flatten()[: self.used_rank]
        return down * middle.view(-1, *[1] * (down.dim() - 1)), up, mid

    def _as_in_the_file(self, layer: WatchedLayer, spec: ComputeSpec) -> LowRank | None:
        return None
