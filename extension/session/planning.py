"""From the tags of a generation to cells of strength and plans for the hooks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..engine.plan import Entry, Plan
from ..engine.sites import Site
from ..engine.strengths import Strengths
from ..prompt import Tag
from ..records import Progress, Row, Side, Target
from .cache import Loaded, Place


@dataclass(frozen=True, slots=True)
class Use:
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
class Group:
    """Targets on which all tags of one network always have the same weight."""

    sample: Target
    uses: Sequence[Use]
    places: list[Place] = field(default_factory=list)

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


def groups_of(uses: Sequence[Use], targets: Iterable[Target]) -> list[Group]:
    """The targets sorted by what the tags make of them."""
    choosy = list(
        {use.tag.arguments: use.tag for use in uses if "target" in use.tag.varies}.values()
    )
    groups: dict[Hashable, Group] = {}
    for target in targets:
        key = (target.component, *(tag.group(target) for tag in choosy))
        group = groups.setdefault(key, Group(target, uses))
        group.places.append((target.component, target.key))
    return list(groups.values())


@dataclass(slots=True)
class Share:
    """What one loaded file has in a run: its tags, and its entries in the plans."""

    loaded: Loaded
    uses: Sequence[Use]
    entries: dict[Place, Entry] = field(default_factory=dict)


@dataclass(slots=True)
class Planning:
    """The cells and plans of one run, put together file by file."""

    cells: list[Callable[[Row, Progress], float]] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)

    def add(self, loaded: Loaded, uses: Sequence[Use], groups: Iterable[Group]) -> None:
        """One file with all tags that name it; its deltas are built already."""
        share = Share(loaded, uses)
        for group in groups:
            self.cells.append(group.weight)
            for place in group.places:
                if place in loaded.boxes:
                    share.entries[place] = Entry(loaded.boxes[place], len(self.cells) - 1)
        self.shares.append(share)

    def plans(self, sites: Mapping[Place, Site]) -> tuple[Strengths, list[Plan]]:
        """The table of weights, and one plan per site that some network touches."""
        strengths = Strengths(self.cells)
        entries: dict[Place, list[Entry]] = {}
        for share in self.shares:
            for place, entry in share.entries.items():
                entries.setdefault(place, []).append(entry)
        return strengths, [Plan(sites[place], found, strengths) for place, found in entries.items()]

    def __iter__(self) -> Iterator[Share]:
        return iter(self.shares)
