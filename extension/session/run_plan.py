"""From the tags of a generation to cells of strength and plans for the hooks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..engine.layer_patch import LayerPatch, Term
from ..engine.sites import Site
from ..engine.weight_table import WeightTable
from ..prompt import Tag
from ..records import Progress, Row, Side, Target
from .cache import BoundNetwork, TargetKey


@dataclass(frozen=True, slots=True)
class TagUse:
    """A tag where it stands: in which picture's prompt, and in the positive or negative one.

    A tag of the positive prompt acts on both sides, as everywhere; one of the negative prompt on
    the uncond rows only.
    """

    tag: Tag
    picture: int
    side: Side
    source: str = ""  # the prompt

    def weight(self, target: Target, row: Row, progress: Progress) -> float:
        """The tag's weight for this row; 0 for other pictures' rows."""
        if row.picture != self.picture or (self.side == "uncond" and row.side != "uncond"):
            return 0.0
        return self.tag.weight(target, row, progress)


@dataclass(slots=True)
class TargetGroup:
    """Targets on which all tags of one network always have the same weight."""

    sample: Target
    uses: Sequence[TagUse]
    places: list[TargetKey] = field(default_factory=list)

    def weight(self, row: Row, progress: Progress) -> float:
        """Σ of the tags' weights on this row: the same LoRA given twice adds up."""
        return sum(use.weight(self.sample, row, progress) for use in self.uses)

    @property
    def may_act(self) -> bool:
        """False where every tag is constant and 0: then there is nothing to build or to hook."""
        return any(
            use.tag.varies & {"row", "progress"} or use.tag.weight(self.sample, Row(), Progress())
            for use in self.uses
        )


def groups_of(uses: Sequence[TagUse], targets: Iterable[Target]) -> list[TargetGroup]:
    """The targets sorted by what the tags make of them."""
    choosy = list(
        {use.tag.arguments: use.tag for use in uses if "target" in use.tag.varies}.values()
    )
    groups: dict[Hashable, TargetGroup] = {}
    for target in targets:
        key = (target.component, *(tag.group(target) for tag in choosy))
        group = groups.setdefault(key, TargetGroup(target, uses))
        group.places.append((target.component, target.key))
    return list(groups.values())


@dataclass(slots=True)
class ActiveNetwork:
    """What one loaded file has in a run: its tags, and its entries in the plans."""

    loaded: BoundNetwork
    uses: Sequence[TagUse]
    entries: dict[TargetKey, Term] = field(default_factory=dict)


@dataclass(slots=True)
class RunPlan:
    """The cells and plans of one run, put together file by file."""

    cells: list[Callable[[Row, Progress], float]] = field(default_factory=list)
    shares: list[ActiveNetwork] = field(default_factory=list)

    def add(
        self, loaded: BoundNetwork, uses: Sequence[TagUse], groups: Iterable[TargetGroup]
    ) -> None:
        """One file with all tags that name it; its deltas are built already."""
        share = ActiveNetwork(loaded, uses)
        for group in groups:
            self.cells.append(group.weight)
            for place in group.places:
                if place in loaded.deltas:
                    share.entries[place] = Term(loaded.deltas[place], len(self.cells) - 1)
        self.shares.append(share)

    def plans(self, sites: Mapping[TargetKey, Site]) -> tuple[WeightTable, list[LayerPatch]]:
        """The table of weights, and one plan per site that some network touches."""
        weights = WeightTable(self.cells)
        entries: dict[TargetKey, list[Term]] = {}
        for share in self.shares:
            for place, entry in share.entries.items():
                entries.setdefault(place, []).append(entry)
        return weights, [
            LayerPatch(sites[place], found, weights) for place, found in entries.items()
        ]

    def __iter__(self) -> Iterator[ActiveNetwork]:
        return iter(self.shares)
