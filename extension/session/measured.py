"""What a run has measured: how strongly each network acted, where, and how much two overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement
from typing import Any

import torch
from torch import Tensor

from ..engine.measuring import CallSums, Moment, gathered
from ..model.blocks import BLOCKS, block_of, has_element
from ..records import Target, TargetKey

MeasuredFacts = dict[str, Any]  # what `Measured.as_dict` gives
OTHER = "other"  # blocks' and parts' name for what is in none
PARTS = ("self", "cross", "ff", "proj", "conv", "norm")  # elements of prompt tags; first that fits


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The sums of a run; all ratios come from them.

    `base` (pictures, moments, layers) is Σ‖Wx‖² without bias over a picture's cond and uncond rows
    together; `products` (pictures, networks, networks, moments, layers) is Σ⟨ΔW_i x, ΔW_j x⟩ at the
    weights that acted. 64 bits; 0 where nothing was called. Text encoders are read before the
    first step: they are at the first moment. Layers on which nothing acts are not in it, nor are
    keys and values of cross-attention under a mask.
    """

    networks: tuple[str, ...]
    moments: tuple[Moment, ...]
    layers: tuple[TargetKey, ...]
    blocks: tuple[str, ...]  # of each layer
    parts: tuple[str, ...]  # of each layer: self, cross, ff, proj, conv, norm or other
    base: Tensor
    products: Tensor

    @property
    def ratio(self) -> Tensor:
        """‖ΔWx‖/‖Wx‖, (pictures, networks, moments, layers).

        NaN where a layer was not called, and on layers that the network never acted on.
        """
        acts = self._own.amax(dim=(0, 2), keepdim=True) > 0
        ratio = (self._own / self.base[:, None]).sqrt()
        return torch.where(acts, ratio, torch.nan)

    @property
    def cosine(self) -> Tensor:
        """Of what each two networks add, (pictures, networks, networks, moments, layers)."""
        own = self._own.sqrt()
        return self.products / (own[:, :, None] * own[:, None])

    @property
    def pooled(self) -> Tensor:
        """√(Σ‖ΔWx‖² / Σ‖Wx‖²) over the UNet's layers, (pictures, networks, moments)."""
        return self._over_unet(self._own)

    @property
    def pooled_stack(self) -> Tensor:
        """The same of all networks' sum, (pictures, moments)."""
        return self._over_unet(self.products.sum(dim=(1, 2))[:, None])[:, 0]

    @property
    def share(self) -> Tensor:
        """Which part of all that a network adds is added in each block, (pictures, networks,
        shown_blocks): Σ‖ΔWx‖² over the block's layers and all moments, of the UNet's.

        Unlike the ratio it weighs blocks by how large what they answer is. NaN for blocks of no
        layer of the UNet.
        """
        unet = torch.tensor([layer[0] == "unet" for layer in self.layers], dtype=torch.bool)
        sums = torch.where(unet, self._own.nansum(dim=2), 0.0)  # (pictures, networks, layers)
        each = [[own == block for own in self.blocks] for block in self.shown_blocks]
        blocks = torch.tensor(each, dtype=torch.bool).view(len(each), len(self.layers))
        found = (sums @ blocks.to(sums).T) / sums.sum(-1, keepdim=True)
        return torch.where((blocks & unet).any(-1), found, torch.nan)

    @property
    def _own(self) -> Tensor:
        """Σ‖ΔWx‖², (pictures, networks, moments, layers)."""
        return self.products.diagonal(dim1=1, dim2=2).movedim(-1, 1).clamp(min=0)

    def _over_unet(self, own: Tensor) -> Tensor:
        unet = [index for index, layer in enumerate(self.layers) if layer[0] == "unet"]
        base = self.base[..., unet].sum(-1)[:, None]
        return (own[..., unet].sum(-1).clamp(min=0) / base).sqrt()

    @property
    def shown_blocks(self) -> tuple[str, ...]:
        """The blocks there are layers of, in the order of a model."""
        order = [*BLOCKS, OTHER]
        return tuple(sorted(set(self.blocks), key=order.index))

    def by_block(self, values: Tensor, part: str | None = None) -> Tensor:
        """(…, layers) → (…, shown_blocks): the means over each block's layers, or one part of them.

        NaN where no layer of it was called.
        """
        columns = []
        for block in self.shown_blocks:
            own = [
                index
                for index, (name, its) in enumerate(zip(self.blocks, self.parts, strict=True))
                if name == block and part in (None, its)
            ]
            columns.append(values[..., own].nanmean(-1))
        return torch.stack(columns, dim=-1) if columns else values[..., :0]

    def as_dict(self, picture: int = 0) -> MeasuredFacts:
        """For JSON, one picture: ratios and cosines by block and moment, None for no value.

        Of the networks that acted on it: others of the batch are other pictures', and nobody else's
        to see.

        {networks, blocks, moments: [{hires, step}], ratio: {network: [block][moment]},
        share: {network: [block]},
        parts: {part: the same}, cosine: [{networks: [a, b], blocks: [block][moment]}],
        pooled: {network: [moment]}, stack: [moment]}
        """
        ratio, cosine = self.ratio[picture], self.cosine[picture]
        pooled, sums = self.pooled[picture], self._own[picture].nansum(dim=(-2, -1))
        acted = sums.nonzero().flatten().tolist()
        names, share = self.networks, self.share[picture]
        return {
            "networks": [names[n] for n in acted],
            "blocks": list(self.shown_blocks),
            "moments": [{"hires": one.hires, "step": one.step} for one in self.moments],
            "ratio": self._by_network(ratio, acted, None),
            "share": {names[n]: _line(share[n]) for n in acted},
            "parts": {
                part: self._by_network(ratio, acted, part)
                for part in (*PARTS, OTHER)
                if part in self.parts
            },
            "cosine": [
                {"networks": [names[i], names[j]], "blocks": _table(self.by_block(cosine[i, j]))}
                for i, j in combinations(acted, 2)
            ],
            "pooled": {names[n]: _line(pooled[n]) for n in acted},
            "stack": _line(self.pooled_stack[picture]),
        }

    def _by_network(self, ratio: Tensor, acted: Sequence[int], part: str | None) -> dict[str, Any]:
        means = self.by_block(ratio, part)
        return {self.networks[n]: _table(means[n]) for n in acted}


def measured(
    calls: Sequence[CallSums], networks: Sequence[str], targets: Iterable[Target], pictures: int
) -> Measured:
    """The calls of a run, added up; `networks` are the names of the run's files in their order."""
    known = {target.id: target for target in targets}
    called = {call.target for call in calls}
    layers = tuple(key for key in known if key in called)
    every = {one for call in calls if call.target[0] == "unet" for one in call.moments}
    moments = tuple(sorted(every, key=lambda one: (one.hires, one.step))) or (Moment(False, 0),)
    shape = (pictures, len(networks), len(networks), len(moments), len(layers))
    places = {key: index for index, key in enumerate(layers)}, moments
    sums = [one for call, found in gathered(calls) for one in _placed(call, found, *places)]
    own = [known[key] for key in layers]
    return Measured(
        tuple(networks),
        moments,
        layers,
        tuple(block_of(target) or OTHER for target in own),
        tuple(part_of(target) for target in own),
        _added((pictures, *shape[3:]), [one for one in sums if len(one[0]) == 3]),
        _added(shape, [one for one in sums if len(one[0]) == 5]),
    )


Placed = tuple[tuple[int, ...], float]  # where in an array, and what is to be added there


def _placed(
    call: CallSums, sums: Tensor, layers: Mapping[TargetKey, int], moments: Sequence[Moment]
) -> Iterator[Placed]:
    """One call's rows, each at its picture and moment."""
    layer, shares = layers[call.target], call.shares
    for number, line in enumerate(sums.tolist()):
        picture = call.rows[number].picture
        when = moments.index(call.moments[number]) if call.target[0] == "unet" else 0
        yield (picture, when, layer), line[0]
        pairs = combinations_with_replacement(shares, 2)
        for ((i, m), (j, n)), value in zip(pairs, line[1:], strict=True):
            product = m[number] * n[number] * value
            yield (picture, i, j, when, layer), product
            if i != j:
                yield (picture, j, i, when, layer), product


def _added(shape: tuple[int, ...], parts: Sequence[Placed]) -> Tensor:
    """Everything added up in its place."""
    whole = torch.zeros(shape, dtype=torch.float64)
    if parts:
        index = torch.tensor([place for place, _ in parts]).unbind(1)
        values = torch.tensor([value for _, value in parts], dtype=torch.float64)
        whole.index_put_(tuple(index), values, accumulate=True)
    return whole


def unique(names: Sequence[str]) -> list[str]:
    """`a`, `a (2)`: one file may be there twice, with another `dyn=`."""
    before = Counter[str]()
    found = []
    for name in names:
        before[name] += 1
        found.append(name if before[name] == 1 else f"{name} ({before[name]})")
    return found


def part_of(target: Target) -> str:
    """Which kind of layer it is."""
    return next((part for part in PARTS if has_element(target, part)), OTHER)


def _line(values: Tensor) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]


def _table(values: Tensor) -> list[list[float | None]]:
    """(moments, blocks) → [block][moment]."""
    return [_line(one) for one in values.T]
