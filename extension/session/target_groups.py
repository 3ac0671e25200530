"""Targets that a network always weighs alike: one column of the table of weights for each group."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..engine.mask import Mask
from ..records import Progress, Row, Target, TargetKey
from .caps import Caps
from .tag_use import TagUse


@dataclass(slots=True)
class TargetGroup:
    """Targets on which all tags of one network (under one mask) always have the same weight."""

    sample: Target
    uses: Sequence[TagUse]
    targets: list[TargetKey] = field(default_factory=list)
    mask: Mask | None = None

    def weight(self, row: Row, progress: Progress) -> float:
        """Σ of the tags' weights on this row: the same LoRA given twice adds up."""
        return sum(use.weight(self.sample, row, progress) for use in self.uses)

    @property
    def constant(self) -> bool:
        """Whether no tag's weight ever changes with the progress."""
        return all("progress" not in use.tag.varies for use in self.uses)

    @property
    def may_act(self) -> bool:
        """False where every tag is constant and 0: then there is nothing to build or to hook."""
        return any(
            use.tag.varies & {"row", "progress"} or use.tag.weight(self.sample, Row(), Progress())
            for use in self.uses
        )


@dataclass(slots=True)
class HeldGroup(TargetGroup):
    """Targets of a UNet under a cap, as the `number`-th network's."""

    number: int = 0
    caps: Caps | None = None

    def weight(self, row: Row, progress: Progress) -> float:
        """The tags' weights, times what the cap leaves of them now."""
        assert self.caps is not None
        free = TargetGroup.weight(self, row, progress)
        return free * self.caps.factor(row.picture, self.number, self.sample.id)


def held_groups(groups: Sequence[TargetGroup], number: int, caps: Caps) -> Iterator[TargetGroup]:
    """Those of the UNet under the network's caps, each target by itself where one is for each."""
    bounds = caps.bounds_of(number)
    for group in groups:
        if group.sample.is_text or not bounds:
            yield group
            continue
        alone = any(bound.each for bound in bounds)
        for targets in [[one] for one in group.targets] if alone else [group.targets]:
            sample = replace(group.sample, key=targets[0][1]) if alone else group.sample
            yield HeldGroup(sample, group.uses, targets, group.mask, number, caps)


def groups_of(uses: Sequence[TagUse], targets: Iterable[Target]) -> list[TargetGroup]:
    """The targets sorted by what the tags make of them."""
    choosy = list(
        {use.tag.arguments: use.tag for use in uses if "target" in use.tag.varies}.values()
    )
    groups: dict[Hashable, TargetGroup] = {}
    for target in targets:
        key = (target.component, *(tag.group(target) for tag in choosy))
        group = groups.setdefault(key, TargetGroup(target, uses))
        group.targets.append((target.component, target.key))
    return list(groups.values())


def groups_by_mask(uses: Sequence[TagUse], targets: Sequence[Target]) -> Iterator[TargetGroup]:
    """Text encoders know no places: there all tags are without their masks."""
    yield from groups_of(uses, (target for target in targets if target.is_text))
    by_mask: dict[Mask | None, list[TagUse]] = {}
    for use in uses:
        by_mask.setdefault(use.mask, []).append(use)
    for mask, some in by_mask.items():
        for group in groups_of(some, (target for target in targets if not target.is_text)):
            group.mask = mask
            yield group
