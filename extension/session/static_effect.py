"""How large a LoRA's ΔW is against W, block by block, and how much two overlap, without any run.

For low rank, ⟨B_iA_i, B_jA_j⟩ = Σ (B_iᵀB_j) ∘ (A_iA_jᵀ): matrices of the ranks' size. What layers
are called with is not known here; that is what `measured` knows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..deltas import Delta, Layer, LowRank
from ..engine.layers import Site
from ..errors import ModuleError
from ..library.lora_file import LoraFile
from ..model.blocks import BLOCKS, block_of
from ..records import TargetKey
from .cache import BoundNetwork
from .measured import OTHER
from .session import Core


@torch.no_grad()
def static_effect(core: Core, files: Sequence[LoraFile]) -> dict[str, Any]:
    """For JSON: of one file, or of two and their overlap, each at weight 1.

    {files: [name], blocks: [name], layers: [count], ratio: {name: [mean of ‖ΔW‖/‖W‖ in a block]},
    whole: {name: √(Σ‖ΔW‖²/Σ‖W‖²)}, overlap: null or {blocks: [cosine of ΔW in a block], whole}}

    Nothing is to be drawn meanwhile: folded layers have other weights. Raises FileError where a
    file cannot be read.
    """
    bound = [core.cache.get(f, None, allow_pickle=core.options.allow_pickle) for f in files]
    for one in bound:
        one.build(core.model.sites, {t.id for t, _ in one.match.matched}, core.options.watch)
    sums = _Sums(len(bound))
    for key in dict.fromkeys(key for one in bound for key in one.deltas):
        sums.add(core, key, bound)
    core.cache.trim(keep=())
    return sums.as_dict([file.name for file in files])


class _Sums:
    """Squares and products by block."""

    def __init__(self, count: int) -> None:
        self.ratios: list[dict[str, list[float]]] = [defaultdict(list) for _ in range(count)]
        self.base: list[float] = [0.0] * count
        self.layers: dict[str, int] = defaultdict(int)
        self.products: dict[tuple[int, int], dict[str, float]] = defaultdict(
            lambda: defaultdict(float)
        )

    def add(self, core: Core, key: TargetKey, bound: Sequence[BoundNetwork]) -> None:
        """One layer; none where its weights cannot be read."""
        block = block_of(core.model.targets[key]) or OTHER
        try:
            layer = _plain(core.model.sites[key])
        except ModuleError:
            return
        found = {
            number: one.deltas[key].delta.to(layer.device, torch.float32)
            for number, one in enumerate(bound)
            if key in one.deltas
        }
        base = float(layer.weight.double().square().sum())
        self.layers[block] += 1
        for i, one in found.items():
            for j, other in found.items():
                if i <= j:
                    self.products[i, j][block] += (product := _product(layer, one, other))
                if i == j:
                    self.base[i] += base
                    self.ratios[i][block].append((max(product, 0.0) / base) ** 0.5 if base else 0.0)

    def as_dict(self, names: Sequence[str]) -> dict[str, Any]:
        blocks = sorted(self.layers, key=[*BLOCKS, OTHER].index)
        wholes = [sum(self.products[i, i].values()) for i in range(len(names))]
        return {
            "files": list(names),
            "blocks": blocks,
            "layers": [self.layers[block] for block in blocks],
            "ratio": {
                name: [_mean(self.ratios[i].get(block, [])) for block in blocks]
                for i, name in enumerate(names)
            },
            "whole": {
                name: (wholes[i] / self.base[i]) ** 0.5 if self.base[i] else None
                for i, name in enumerate(names)
            },
            "overlap": self._overlap(blocks, wholes) if len(names) > 1 else None,
        }

    def _overlap(self, blocks: Sequence[str], wholes: Sequence[float]) -> dict[str, Any]:
        first, second, both = (self.products[pair] for pair in ((0, 0), (1, 1), (0, 1)))
        return {
            "blocks": [
                _cosine(both.get(block), first.get(block), second.get(block)) for block in blocks
            ],
            "whole": _cosine(sum(both.values()), *wholes[:2]),
        }


def _plain(site: Site) -> Layer:
    """The layer with its weights in 32 bits."""
    layer = site.layer()
    weight = layer.weight.float()
    settings: Mapping[str, Any] = {"groups": layer.groups, "channel_dim": layer.channel_dim}
    return Layer.of(layer.kind, weight, None, nn.Identity(), **settings)


def _product(layer: Layer, one: Delta, other: Delta) -> float:
    """⟨ΔW_i, ΔW_j⟩."""
    if _is_pair(one) and _is_pair(other):
        (b, a), (d, c) = _wide(one), _wide(other)
        return float(((b.t() @ d) * (a @ c.t())).sum())
    found = one.delta_weight(layer).double()
    return float((found * (found if one is other else other.delta_weight(layer).double())).sum())


def _is_pair(delta: Delta) -> bool:
    return isinstance(delta, LowRank) and delta.mid is None


def _wide(delta: Delta) -> tuple[Tensor, Tensor]:
    """B (o, r) and A (r, i·kh·kw) in 64 bits."""
    assert isinstance(delta, LowRank)
    return delta.up.double(), delta.down.flatten(1).double()


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _cosine(both: float | None, first: float | None, second: float | None) -> float | None:
    return both / (first * second) ** 0.5 if both is not None and first and second else None
