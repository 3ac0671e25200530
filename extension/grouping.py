"""The keys of a file put together into modules, each with its layer, algorithm and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from . import algorithms, formats
from .adapter_config import Configs
from .algorithms import Algorithm, Settings
from .algorithms.base import NUMBERS
from .embeddings import Embedding
from .errors import ModuleError
from .library.header import Header, TensorInfo
from .tensors import FLOATS, Read, demand_readable
from .words import Component, Target

Place = tuple[str, str]  # component, canonical key
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unused:
    """A key (or the part of its keys that names a module) that does nothing, and why."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Module:
    """What a file has for one layer: `slots` are its tensors' keys, `shapes` what the header says.

    `prefix` is how the file names the layer; (`component`, `key`) is what it means.
    """

    component: Component
    key: str
    prefix: str
    format: str
    algorithm: type[Algorithm]
    slots: Mapping[str, str]
    shapes: Mapping[str, Shape]
    outline: Algorithm
    settings: Settings

    @property
    def rank(self) -> int | None:
        """r, where the algorithm has one."""
        return self.outline.rank

    def fit(self, target: Target) -> None:
        """ModuleError with the reason when it cannot go on this target."""
        self.outline.fit(target)

    def build(self, read: Read, rank: int | None = None) -> Algorithm:
        """The algorithm with its tensors, read now; `rank` is the rank wanted at use time (dyn=).

        Raises ModuleError where the tensors are no good.
        """
        tensors = {slot: read(key) for slot, key in self.slots.items()}
        settings = self.settings if rank is None else replace(self.settings, rank=rank)
        return self.algorithm(tensors, settings=settings)


@dataclass(slots=True)
class Grouped:
    """A file's keys, sorted out. `broken` counts modules that name a layer and cannot be used."""

    modules: tuple[Module, ...] = ()
    unused: tuple[Unused, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    broken: int = 0


@dataclass(slots=True)
class _Part:
    """The tensors of one module part, while keys are gathered."""

    slots: dict[str, str] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)  # further keys for a slot that is taken


def group(header: Header, configs: Configs) -> Grouped:
    """Sorts out all keys; whatever cannot be used stands in `unused` with its reason."""
    grouping = _Grouping(header, configs)
    grouping.gather()
    grouping.settle()
    return Grouped(tuple(grouping.modules.values()), tuple(grouping.unused), (), grouping.broken)


class _Grouping:
    def __init__(self, header: Header, configs: Configs) -> None:
        self.tensors = header.tensors
        self.metadata = header.metadata
        self.configs = configs
        self.parts: dict[str, _Part] = {}
        self.modules: dict[Place, Module] = {}
        self.unused: list[Unused] = []
        self.broken = 0

    def gather(self) -> None:
        """Every key goes to its module part and slot."""
        shapes = {key: info.shape for key, info in self.tensors.items()}
        respelt = formats.spell(shapes, self.metadata)
        for key in self.tensors:
            split = algorithms.split(respelt.get(key, key))
            if split is None:
                self.unused.append(Unused(key, "no algorithm has a tensor of this name"))
                continue
            part = self.parts.setdefault(split[0], _Part())
            if part.slots.setdefault(split[1], key) != key:
                part.again.append(key)

    def settle(self) -> None:
        """Every module part becomes a module, or unused keys."""
        for prefix, part in self.parts.items():
            place = formats.place(prefix)
            if place is None:
                self._drop(part, "names no layer of Stable Diffusion that is known here")
                continue
            try:
                module = self._module(prefix, part, place)
            except ModuleError as error:
                self.broken += 1
                self._drop(part, str(error))
                continue
            self._add(module, part)

    def _module(self, prefix: str, part: _Part, place: formats.Place) -> Module:
        if part.again:
            first = next(slot for slot, key in part.slots.items())
            raise ModuleError(f"two tensors for one purpose: {part.again[0]} beside {first}")
        infos = {slot: self.tensors[key] for slot, key in part.slots.items()}
        for slot, info in infos.items():
            _check(slot, info)
        shapes = {slot: info.shape for slot, info in infos.items()}
        algorithm = algorithms.choose(shapes)
        settings = self.configs.settings(place.component, prefix)
        outline = algorithm.outline(shapes, settings=settings)
        return Module(
            component=place.component,
            key=place.key,
            prefix=prefix,
            format=place.format,
            algorithm=algorithm,
            slots=part.slots,
            shapes=shapes,
            outline=outline,
            settings=settings,
        )

    def _add(self, module: Module, part: _Part) -> None:
        first = self.modules.setdefault((module.component, module.key), module)
        if first is not module:
            self.broken += 1
            self._drop(part, f"names the same layer as {first.prefix}, which is used instead")

    def _drop(self, part: _Part, reason: str) -> None:
        self.unused += [Unused(key, reason) for key in (*part.slots.values(), *part.again)]


def _check(slot: str, info: TensorInfo) -> None:
    demand_readable(info)
    if info.dtype not in FLOATS and slot not in NUMBERS:
        raise ModuleError(f"{slot} is {info.dtype}: weights are floating-point numbers")
