"""What one run does to the model: which networks act where, their table of weights, the patches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from ..engine.cached_delta import Streaming
from ..engine.choice import Choice, Executor
from ..engine.cross_attention import WordsPatch, divided
from ..engine.hooks import hooked
from ..engine.layer_patch import LayerPatch
from ..engine.layers import Patch
from ..engine.measuring import Measuring
from ..engine.observing import ObservedPatch, Observer
from ..engine.places import Places
from ..engine.root_calls import RootCalls
from ..engine.shared_input import find_siblings
from ..engine.terms import Term
from ..engine.weight_table import Column, WeightTable
from ..network import Unused
from ..records import Progress, TargetKey
from .cache import BoundNetwork
from .caps import Caps
from .host_model import HostModel
from .measured import Measured, measured, unique
from .tag_use import TagUse
from .target_groups import HeldGroup, TargetGroup, groups_by_mask, held_groups


class ActiveNetwork:
    """One network in a run: its tags, the groups of targets it acts on, its terms."""

    def __init__(self, bound: BoundNetwork, uses: Sequence[TagUse]) -> None:
        self.bound = bound
        self.uses = uses
        targets = [target for target, _ in bound.match.matched]
        self.groups = [group for group in groups_by_mask(uses, targets) if group.may_act]
        self.terms: dict[TargetKey, list[Term]] = {}

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
NO_MASK = "a compiled model takes no masks"
READS_WORDS = ("_attn2_to_k", "_attn2_to_v")  # how the keys of such targets end


class RunPlan:
    """The active networks of a run, one patch per layer they touch, one column per group."""

    def __init__(
        self,
        active: Sequence[ActiveNetwork],
        model: HostModel,
        executor: Executor = "automatic",
        costs_file: Path | None = None,
        observers: Sequence[Observer] = (),
        measuring: Measuring | None = None,
        caps: Caps | None = None,
    ) -> None:
        """The deltas of `active` are built already; targets whose delta failed are left out.

        With `observers`, or `measuring`, all is hooked: what is folded is not there to be seen
        apart.
        """
        self.active = list(active)
        self.targets, self.measuring = model.targets, measuring
        self.observers = (*observers, *([measuring] if measuring else []))
        self.caps = caps
        self.held: list[int] = []  # columns under a cap
        columns: list[Column] = []
        terms: dict[TargetKey, list[Term]] = {}
        for number, one in enumerate(self.active):
            for group in one.groups if caps is None else held_groups(one.groups, number, caps):
                if isinstance(group, HeldGroup):
                    self.held.append(len(columns))
                _add_terms(one, group, number, len(columns), terms)
                columns.append(Column(group.weight, group.constant))
        self.weights, self.places = WeightTable(columns), Places()
        modules = list(model.components.values())
        how: Executor = "hooked" if self.observers else executor
        self.choice = Choice(how, self.weights, modules, costs_file)
        deltas = [term.cached for found in terms.values() for term in found]
        self.streaming = Streaming(deltas)
        words = {key: found for key, found in terms.items() if _reads_masked_words(key, found)}
        self.attentions = divided(model.components, model.sites, words, self.weights, self.places)
        self.patches: dict[TargetKey, LayerPatch | WordsPatch] = dict(self._patches(model, terms))
        self.compiled = model.compiled
        self.roots = dict(_roots(model, terms, self.weights))

    def _patches(
        self, model: HostModel, terms: Mapping[TargetKey, Sequence[Term]]
    ) -> Iterator[tuple[TargetKey, LayerPatch | WordsPatch]]:
        words = {patch.site.path: patch for one in self.attentions for patch in one.patches}
        plain: list[LayerPatch] = []
        for key, found in terms.items():
            site = model.sites[key]
            if _reads_masked_words(key, found):
                yield key, words[site.path]
                continue
            patch = LayerPatch(site, found, self.weights, self.places)
            patch.choice = self.choice
            plain.append(patch)
            yield key, patch
        find_siblings(plain)
        for patch in (*plain, *(one for each in words.values() for one in each.patches.values())):
            patch.streaming = self.streaming
            self.streaming.let_go.append(patch.let_go)

    def enter(self, stack: ExitStack) -> None:
        """The patches act until the stack is closed."""
        stack.enter_context(self.streaming.ready())
        outside = [key for key in self.patches if key[0] not in self.compiled]
        if self.masks and "unet" not in self.compiled:
            self.places.follow(self.roots["unet"].root, stack)
            for attention in self.attentions:
                attention.install(stack)
        stack.enter_context(hooked(map(self._hooked, outside)))
        for component, slots in self.compiled.items():
            inside = [
                patch
                for key, patch in self.patches.items()
                if key[0] == component and isinstance(patch, LayerPatch) and not patch.masked
            ]
            heard = self.roots[component].acted
            stack.enter_context(slots.running(inside, self.weights, self.choice, heard))
        for root in self.roots.values():
            root.install(stack)

    def reach(self, progress: Progress) -> None:
        """A call of the UNet begins there: caps look at the step before."""
        if self.caps is not None and self.caps.reached(progress):
            self.weights.vary(self.held)

    def send_ahead(self) -> None:
        """What is in host memory is on its way to the devices while the text encoder works."""
        for patch in self.patches.values():
            patch.send_ahead()

    def _hooked(self, key: TargetKey) -> Patch:
        """What the hooks of a layer call."""
        patch = self.patches[key]
        if not self.observers or isinstance(patch, WordsPatch):
            return patch
        return ObservedPatch(patch, key, self.observers)

    @property
    def unseen(self) -> list[str]:
        """The components in whose layers observers cannot look, as they are compiled."""
        return sorted({key[0] for key in self.patches} & {*self.compiled}) if self.observers else []

    def measured(self, pictures: int) -> Measured | None:
        """What the calls until now have shown of so many pictures; None where none was kept."""
        if self.measuring is None:
            return None
        names = unique([one.bound.file.name for one in self.active])
        return measured(self.measuring.calls, names, self.targets.values(), pictures)

    @property
    def masks(self) -> bool:
        """Whether any tag acts in a part of the picture alone."""
        return any(group.mask for one in self.active for group in one.groups)

    @property
    def size(self) -> int:
        """Bytes of the deltas, where the layers are."""
        return sum(one.bound.size for one in self.active)

    def acted(self, key: TargetKey, terms: Sequence[Term], picture: int) -> bool:
        """Whether any of a target's terms had a weight on that picture when it was called."""
        return any(self.roots[key[0]].heard(term.column, picture) for term in terms)

    def bypassed(self, one: ActiveNetwork) -> Iterator[Unused]:
        """The targets that had a weight in a call of their component, and were not called."""
        for key, terms in one.terms.items():
            root, patch = self.roots[key[0]], self.patches[key]
            acted = any(term.column in root.acted for term in terms)
            if patch.site.path in self.choice.refused:
                yield Unused(patch.site.path, "compiled", NO_PLACE)
            elif acted and patch.masked and key[0] in self.compiled:
                yield Unused(patch.site.path, "compiled", NO_MASK)
            elif acted and not patch.called:
                yield Unused(patch.site.path, *root.why_not(patch.site.path))


def _add_terms(
    one: ActiveNetwork,
    group: TargetGroup,
    number: int,
    column: int,
    terms: dict[TargetKey, list[Term]],
) -> None:
    """Those of a group, with the weights of a column."""
    for key in group.targets:
        if (delta := one.bound.deltas.get(key)) is not None:
            term = Term(delta, column, network=number, mask=group.mask)
            one.terms.setdefault(key, []).append(term)
            terms.setdefault(key, []).append(term)


def _reads_masked_words(key: TargetKey, terms: Sequence[Term]) -> bool:
    return key[1].endswith(READS_WORDS) and any(term.mask for term in terms)


def _roots(
    model: HostModel, terms: Mapping[TargetKey, Sequence[Term]], weights: WeightTable
) -> Iterator[tuple[str, RootCalls]]:
    for component, root in model.components.items():
        columns = {
            term.column for (part, _), found in terms.items() if part == component for term in found
        }
        yield component, RootCalls(root, columns, weights)
