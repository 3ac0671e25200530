"""One model with LoRAs on call: prompts → tags → files → networks → plan → run.

`Core.open` is the way of one generation, once through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from ..engine.choice import Executor
from ..engine.measuring import Measuring
from ..engine.observing import Observer
from ..library.catalog import Catalog
from ..library.header import Header
from ..library.lora_file import LoraFile
from ..network import load
from ..prompt import Prompt, Tag
from ..prompt.bound import Bound
from ..records import Component
from .cache import NetworkCache, ProgressCallback
from .caps import Caps, bounds_of
from .host_model import HostModel
from .masks import RunMasks, with_masks
from .network_reading import NetworkReading
from .read_ahead import ReadAhead
from .report import PromptDiagnostic, StrictError
from .run import Run, Turn
from .run_plan import ActiveNetwork, RunPlan
from .sliders import Sliders
from .tag_use import TagUse, placed

GIB = 1 << 30


def _quiet(name: str, done: int, total: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Options:
    """How a core behaves.

    `strict` raises instead of going on without what failed, after the run where only the run shows
    it; `allow_pickle` reads pickles (.pt,
    .pth, .ckpt, .bin); `cache_bytes` bounds the deltas kept in host memory for networks not in use,
    `device_bytes` those kept on a device; `watch` is
    called with (file, modules done, modules in all) while deltas are built. `executor` is
    "automatic", or "hooked" or "folded" for all layers that can be. `embeddings` are folders of
    textual inversions, `masks` folders of mask pictures. `cap` is for all LoRAs of a picture
    together what `cap=` is for a tag.
    """

    strict: bool = False
    allow_pickle: bool = False
    cache_bytes: int = 2 * GIB
    watch: ProgressCallback = _quiet
    executor: Executor = "automatic"
    embeddings: Sequence[str | Path] = ()
    device_bytes: int = GIB // 2
    masks: Sequence[str | Path] = ()
    cap: Bound | None = None


class Core:
    """One model, the library, and the networks that were loaded for it."""

    def __init__(
        self,
        components: Mapping[Component, nn.Module],
        catalog: Catalog,
        options: Options | None = None,
    ) -> None:
        self.catalog = catalog
        self.options = options or Options()
        self.cache = NetworkCache(self.options.cache_bytes, self.options.device_bytes)
        self._ahead: ReadAhead[Tag | LoraFile] = ReadAhead(self._read_ahead)
        self.turn = Turn()
        self.model = HostModel({})
        self.rebind(components)

    def rebind(
        self, components: Mapping[Component, nn.Module], *, same_weights: bool = False
    ) -> None:
        """Another checkpoint, or other weights in the same modules; or after `release` the same."""
        self._ahead.stop()
        self.model = HostModel(components, self.model)
        self.released = False
        self.cache.rebind(self.model.targets, same_weights=same_weights)

    def release(self) -> None:
        """Holds on to no module of the model; what was loaded for it is kept. Then `rebind`.

        10 ms for the layers of an SD 1.5.
        """
        self._ahead.stop()
        self.model, self.released = HostModel({}, self.model), True

    def prefetch(self, wanted: Iterable[Tag | LoraFile]) -> None:
        """Reads the files of tags to come, or whole files, on a thread of its own; never waits.

        A run that is opened meanwhile goes first. What is made from the base weights is left until
        it is asked for, and so is everything once the cache is full.
        """
        self._ahead.ask(wanted)

    def _read_ahead(self, wanted: Tag | LoraFile) -> None:
        if self.cache.host_bytes >= self.cache.limit:
            return
        tag = wanted if isinstance(wanted, Tag) else None
        file = self.catalog.find(tag.name, hash=tag.hash) if tag else wanted
        assert isinstance(file, LoraFile)
        pickles, rank = self.options.allow_pickle, tag.rank if tag else None
        bound = self.cache.get(file, rank, allow_pickle=pickles)
        used = ActiveNetwork(bound, [TagUse(tag, 0, "cond")]) if tag else None
        keys = used.wanted if used else {target.id for target, _ in bound.match.matched}
        bound.build(self.model.sites, keys, self._ahead.check, beside_a_run=True)

    @property
    def costs_file(self) -> Path | None:
        """Where is kept what was measured for the automatic choice of an executor."""
        return None if self.catalog.cache is None else self.catalog.cache / "costs.json"

    @property
    def _reading(self) -> NetworkReading:
        options = self.options
        return NetworkReading(
            *(self.catalog, self.cache, self.model.sites), options.allow_pickle, options.watch
        )

    @property
    def running(self) -> Run | None:
        """The run whose hooks are on."""
        return self.turn.run

    def open(
        self,
        prompts: Sequence[Prompt],
        negatives: Sequence[Prompt | None] = (),
        observers: Sequence[Observer] = (),
        sliders: Sliders | None = None,
        *,
        measure: bool = False,
    ) -> Run:
        """The run of one generation; picture i has prompts[i] and negatives[i].

        A tag that cannot be used is left out and stands in the run's report (strict: StrictError).
        All is hooked where `observers` are told of every layer's call, `sliders` move weights
        meanwhile, or with `measure` the run says how strongly each network acted.
        """
        read = placed(prompts, negatives)
        diagnostics = [problem for one in read for problem in one.diagnostics()]
        masks = RunMasks(self.options.masks)
        written = [use for one in read for use in one.uses(off=sliders is not None)]
        live = written if sliders is None else sliders.made_live(written)
        uses = list(with_masks(live, masks, diagnostics))
        with self._ahead.waiting():
            networks, built = self._reading.of(uses, diagnostics)
        pictures = max(1, len(prompts))
        executor = self.options.executor if sliders is None else "hooked"
        plan = self._planned(built, executor, observers, pictures, measure)
        _demand_no_errors(diagnostics if self.options.strict else ())
        self.cache.trim(keep=networks.keys())
        return Run(
            plan,
            diagnostics,
            self.turn,
            pictures=pictures,
            base=self.model.base,
            strict=self.options.strict,
            masks=masks.used,
            sliders=sliders,
        )

    def _planned(
        self,
        built: Sequence[ActiveNetwork],
        executor: Executor,
        observers: Sequence[Observer],
        pictures: int,
        measure: bool,
    ) -> RunPlan:
        """With what measures it, where that is wanted or needed for a cap."""
        bounds = bounds_of([one.uses for one in built], pictures, self.options.cap)
        measuring = Measuring() if measure or bounds else None
        caps = Caps(bounds, measuring) if measuring and bounds else None
        return RunPlan(built, self.model, executor, self.costs_file, observers, measuring, caps)


def _demand_no_errors(diagnostics: Sequence[PromptDiagnostic]) -> None:
    errors = [one for one in diagnostics if one.problem.severity == "error"]
    if errors:
        raise StrictError(errors)


def base_name(path: Path, header: Header) -> str:
    """The base model that a file was made for, for `Catalog(guess=…)`. FileError, NotALora."""
    return load(path, header=header).base.name
