"""One model with LoRAs on call: prompts → tags → files → networks → plans, for one generation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from .. import network
from ..engine.sites import Site, find_sites
from ..errors import LiveLoraError, ResolveError
from ..library.catalog import Catalog
from ..library.header import Header
from ..library.lora_file import LoraFile
from ..model.layer_names import layer_key
from ..network.base_model import base_of
from ..network.network import Network
from ..prompt import Prompt, Tag
from ..records import Component, Diagnostic, Side, Target
from .cache import BoundNetwork, NetworkCache, ProgressCallback, TargetKey
from .report import PromptDiagnostic, StrictError
from .run import Run
from .run_plan import RunPlan, TagUse, groups_of

GIB = 1 << 30


def _quiet(name: str, done: int, total: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Options:
    """How a core behaves.

    `strict` raises instead of going on without what failed; `cache_bytes` bounds the deltas kept
    for networks not in use; `watch` is told while deltas are built.
    """

    strict: bool = False
    allow_pickle: bool = False
    cache_bytes: int = 2 * GIB
    watch: ProgressCallback = _quiet


@dataclass(slots=True)
class _Found:
    """What the prompts of one generation lead to; files and their uses by their id()."""

    told: list[PromptDiagnostic] = field(default_factory=list)
    loaded: dict[int, BoundNetwork] = field(default_factory=dict)
    uses: dict[int, list[TagUse]] = field(default_factory=dict)

    def lose(self, use: TagUse, error: LiveLoraError) -> None:
        """A tag that cannot be used; all others can."""
        text = str(error) if isinstance(error, ResolveError) else f"not used: {error}"
        problem = Diagnostic(text, use.tag.span)
        self.told.append(PromptDiagnostic(problem, use.picture, use.side, use.source, error))


class Core:
    """The modules of one model, named, with the library and the cache of loaded networks."""

    def __init__(
        self,
        components: Mapping[Component, nn.Module],
        catalog: Catalog,
        options: Options | None = None,
    ) -> None:
        self.catalog = catalog
        self.options = options or Options()
        self.cache = NetworkCache(self.options.cache_bytes)
        self.targets: dict[TargetKey, Target] = {}
        self.sites: dict[TargetKey, Site] = {}
        self.base: str | None = None  # "SD1", …, as LoRA files name theirs
        self.running: Run | None = None
        self.rebind(components)

    def rebind(self, components: Mapping[Component, nn.Module]) -> None:
        """Another checkpoint, or other weights in the same modules."""
        before = self.targets
        self.targets, self.sites = {}, {}
        for component, model in components.items():
            for site in find_sites(model):
                self._add_site(component, site)
        self.base = base_of(self.targets)
        self.cache.rebind(None if self.targets == before else self.targets)

    def _add_site(self, component: Component, site: Site) -> None:
        # PEFT, where somebody has wrapped the model with it, moves each layer one level down.
        path = site.path.replace(".base_layer", "")
        key = layer_key(component, path)
        if key is not None:
            shape = tuple(site.weight.shape)
            target = Target(component, key, site.path, site.kind, shape, site.bias is not None)
            self.targets[component, key] = target
            self.sites[component, key] = site

    def open(self, prompts: Sequence[Prompt], negatives: Sequence[Prompt | None] = ()) -> Run:
        """The run of one generation; picture i has prompts[i] and negatives[i].

        Tags that cannot be used cost themselves only and stand in the run's report; in strict
        mode StrictError is raised.
        """
        found = _Found()
        for picture, prompt in enumerate(prompts):
            self._read(found, prompt, picture, "cond")
        for picture, negative in enumerate(negatives):
            if negative is not None:
                self._read(found, negative, picture, "uncond")
        planning = self._plan(found)
        errors = [told for told in found.told if told.problem.severity == "error"]
        if self.options.strict and errors:
            raise StrictError(errors)
        self.cache.trim(keep=found.loaded.keys())
        return Run(self, planning, found.told, pictures=max(1, len(prompts)))

    def _read(self, found: _Found, prompt: Prompt, picture: int, side: Side) -> None:
        for problem in prompt.problems:
            found.told.append(PromptDiagnostic(problem, picture, side, prompt.source))
        for tag in prompt.tags:
            if tag.kind != "lora" or not tag.on:
                continue
            try:
                loaded = self._fetch(tag)
            except LiveLoraError as error:
                found.lose(TagUse(tag, picture, side, prompt.source), error)
            else:
                for text in loaded.network.problems:
                    problem = Diagnostic(f"{tag.name}: {text}", tag.span, "warning")
                    found.told.append(PromptDiagnostic(problem, picture, side, prompt.source))
                found.loaded[id(loaded)] = loaded
                found.uses.setdefault(id(loaded), []).append(
                    TagUse(tag, picture, side, prompt.source)
                )

    def _fetch(self, tag: Tag) -> BoundNetwork:
        """Raises LiveLoraError where the name leads to no file, or the file to no network."""
        entry = self.catalog.find(tag.name, hash=tag.hash)
        return self.cache.get(entry, tag.rank, self.targets, self._load)

    def _load(self, entry: LoraFile) -> Network:
        return network.load(entry.path, allow_pickle=self.options.allow_pickle)

    def _plan(self, found: _Found) -> RunPlan:
        planning = RunPlan()
        for name, loaded in found.loaded.items():
            uses = found.uses[name]
            groups = [
                group
                for group in groups_of(uses, (target for target, _ in loaded.match.matched))
                if group.may_act
            ]
            wanted = {place for group in groups for place in group.places}
            try:
                loaded.build(self.sites, wanted, self.options.watch)
            except LiveLoraError as error:  # the file has gone, or is another by now
                for use in uses:
                    found.lose(use, error)
            else:
                planning.add(loaded, uses, groups)
        return planning


def base_name(path: Path, header: Header) -> str:
    """The base model that a file was made for, for `Catalog(guess=…)`. FileError, NotALora."""
    return network.load(path, header=header).base.name
