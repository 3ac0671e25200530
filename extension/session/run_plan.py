"""What one run does to the model: which networks act where, their table of weights, the patches."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ..engine.cached_delta import Streaming
from ..engine.choice import Choice, Executor
from ..engine.hooks import hooked
from ..engine.layer_patch import LayerPatch
from ..engine.layers import Patch
from ..engine.observing import ObservedPatch, Observer
from ..engine.root_calls import RootCalls
from ..engine.shared_input import find_siblings
from ..engine.terms import Term
from ..engine.weight_table import Column, WeightTable
from ..network import Unused
from ..records import Progress, Row, Target, TargetKey
from .cache import BoundNetwork
from .host_model import HostModel
from .tag_use import TagUse


@dataclass(slots=True)
class TargetGroup:
    """Targets on which all tags of one network always have the same weight."""

    sample: Target
    uses: Sequence[TagUse]
    targets: list[TargetKey] = field(default_factory=list)

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


class ActiveNetwork:
    """One network in a run: its tags, the groups of targets it acts on, its terms."""

    def __init__(self, bound: BoundNetwork, uses: Sequence[TagUse]) -> None:
        self.bound = bound
        self.uses = uses
        targets = (target for target, _ in bound.match.matched)
        self.groups = [group for group in groups_of(uses, targets) if group.may_act]
        self.terms: dict[TargetKey, Term] = {}

    @property
    def wanted(self) -> set[TargetKey]:
        """The targets whose deltas the run needs."""
        return {key for group in self.groups for key in group.targets}

    @property
    def pictures(self) -> Mapping[int, set[TargetKey]]:
        """The pictures on which any of its tags may act, and the targets where."""
        found: dict[int, set[TargetKey]] = {}
        for picture in sorted({use.picture for use in self.uses}):
            for group in self.groups:
                uses = [use for use in group.uses if use.picture == picture]
                if TargetGroup(group.sample, uses).may_act:
                    found.setdefault(picture, set()).update(group.targets)
        return found


NO_PLACE = (
    "a compiled model takes, where pictures differ, plain low rank only, and elsewhere what can be "
    "folded"
)


class RunPlan:
    """The active networks of a run, one patch per layer they touch, one column per group."""

    def __init__(
        self,
        active: Sequence[ActiveNetwork],
        model: HostModel,
        executor: Executor = "automatic",
        costs_file: Path | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        """The deltas of `active` are built already; targets whose delta failed are left out.

        With `observers` all is hooked: what is folded is not there to be seen apart.
        """
        self.active = list(active)
        self.observers = tuple(observers)
        columns: list[Column] = []
        terms: dict[TargetKey, list[Term]] = {}
        for number, one in enumerate(self.active):
            for group in one.groups:
                columns.append(Column(group.weight, group.constant))
                for key in group.targets:
                    if (delta := one.bound.deltas.get(key)) is not None:
                        term = one.terms[key] = Term(delta, len(columns) - 1, network=number)
                        terms.setdefault(key, []).append(term)
        self.weights = WeightTable(columns)
        self.patches = {
            key: LayerPatch(model.sites[key], found, self.weights) for key, found in terms.items()
        }
        find_siblings(self.patches.values())
        modules = list(model.components.values())
        how: Executor = "hooked" if observers else executor
        self.choice = Choice(how, self.weights, modules, costs_file)
        deltas = [term.cached for found in terms.values() for term in found]
        self.streaming = Streaming(deltas)
        for patch in self.patches.values():
            patch.choice, patch.streaming = self.choice, self.streaming
            self.streaming.let_go.append(patch.let_go)
        self.compiled = model.compiled
        self.roots = dict(_roots(model, terms, self.weights))

    def enter(self, stack: ExitStack) -> None:
        """The patches act until the stack is closed."""
        stack.enter_context(self.streaming.ready())
        outside = [key for key in self.patches if key[0] not in self.compiled]
        stack.enter_context(hooked(map(self._hooked, outside)))
        for component, slots in self.compiled.items():
            inside = [patch for key, patch in self.patches.items() if key[0] == component]
            heard = self.roots[component].acted
            stack.enter_context(slots.running(inside, self.weights, self.choice, heard))
        for root in self.roots.values():
            root.install(stack)

    def send_ahead(self) -> None:
        """What is in host memory is on its way to the devices while the text encoder works."""
        for patch in self.patches.values():
            patch.send_ahead()

    def _hooked(self, key: TargetKey) -> Patch:
        """What the hooks of a layer call."""
        patch = self.patches[key]
        return ObservedPatch(patch, key, self.observers) if self.observers else patch

    @property
    def unseen(self) -> list[str]:
        """The components in whose layers observers cannot look, as they are compiled."""
        return sorted({key[0] for key in self.patches} & {*self.compiled}) if self.observers else []

    @property
    def size(self) -> int:
        """Bytes of the deltas, where the layers are."""
        return sum(one.bound.size for one in self.active)

    def bypassed(self, one: ActiveNetwork) -> Iterator[Unused]:
        """The targets that had a weight in a call of their component, and were not called."""
        for key, term in one.terms.items():
            root, patch = self.roots[key[0]], self.patches[key]
            if patch.site.path in self.choice.refused:
                yield Unused(patch.site.path, "compiled", NO_PLACE)
            elif term.column in root.acted and not patch.called:
                yield Unused(patch.site.path, *root.why_not(patch.site.path))


def _roots(
    model: HostModel, terms: Mapping[TargetKey, Sequence[Term]], weights: WeightTable
) -> Iterator[tuple[str, RootCalls]]:
    for component, root in model.components.items():
        columns = {
            term.column for (part, _), found in terms.items() if part == component for term in found
        }
        yield component, RootCalls(root, columns, weights)
