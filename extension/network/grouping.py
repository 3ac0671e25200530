"""The keys of a file, grouped into modules; what cannot be used is listed with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from .. import algorithms, formats
from ..algorithms import Algorithm, Settings
from ..algorithms.base import NUMBERS
from ..algorithms.suffixes import PLAIN
from ..errors import Code, ModuleError
from ..library.header import Header, TensorInfo
from ..records import Component, Shape, TargetKey
from . import fused_qkv, strangers
from .adapter_config import Configs
from .embeddings import Embedding, find_part
from .lora_module import Module, Unused
from .second_encoder import on_second_encoder
from .tensor_file import FLOATS, demand_readable

TABLES = "embeddings_"  # of tokens and of positions: the text encoder has them, as no layer


@dataclass(slots=True)
class ModuleKeys:
    """The tensors of one module part: slot -> key, and further keys for a slot that is taken.

    `name` is the module part as the file has it, `strangers` are keys that no algorithm knows.
    """

    name: str
    slots: dict[str, str] = field(default_factory=dict)
    again: list[tuple[str, str]] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    @property
    def keys(self) -> list[str]:
        """All of them."""
        return [*self.slots.values(), *(key for _, key in self.again), *self.strangers]


@dataclass(slots=True)
class Grouped:
    """A file's keys, sorted out. `components` are those it names, broken modules included.

    `readings` says how modules were read where the file leaves it open.
    """

    modules: tuple[Module, ...]
    unused: tuple[Unused, ...]
    embeddings: tuple[Embedding, ...]
    components: frozenset[Component]
    readings: tuple[str, ...]


def group(header: Header, configs: Configs) -> Grouped:
    """Sorts all keys: each ends up in a module, an embedding or `unused`."""
    grouping = _Grouping(header, configs)
    grouping.gather()
    grouping.settle()
    return Grouped(
        on_second_encoder(grouping.modules.values()),
        tuple(grouping.unused),
        tuple(Embedding(name, keys) for name, keys in grouping.embeddings.items()),
        frozenset(grouping.components),
        grouping.readings(),
    )


class _Grouping:
    def __init__(self, header: Header, configs: Configs) -> None:
        self.tensors = header.tensors
        self.metadata = header.metadata
        self.configs = configs
        self.parts: dict[str, ModuleKeys] = {}
        self.outlines: dict[object, tuple[Algorithm, dict[str, Shape]]] = {}
        self.modules: dict[TargetKey, Module] = {}
        self.embeddings: dict[str, dict[str, str]] = {}
        self.unused: list[Unused] = []
        self.unknown: list[str] = []  # keys that are no tensor of any algorithm
        self.components: set[Component] = set()

    def gather(self) -> None:
        """Every key goes to its module part and slot, or to its embedding."""
        shapes = {key: info.shape for key, info in self.tensors.items()}
        respelt = formats.spell(shapes, self.metadata)
        for key, shape in shapes.items():
            if not self._embedded(key, shape):
                self._gather(key, respelt.get(key, key))

    def _embedded(self, key: str, shape: Shape) -> bool:
        found = find_part(key, shape, self.metadata)
        if isinstance(found, tuple):
            self.embeddings.setdefault(found[0], {})[found[1]] = key
        elif found:
            self.unused.append(Unused(key, "embedding", found))
        return found is not None

    def _gather(self, key: str, spelling: str) -> None:
        found = algorithms.split(spelling)
        if found is None:
            if not strangers.is_harmless(key):
                self.unknown.append(key)
            return
        module, slot = found
        name = module if spelling is key else key
        part = self.parts.setdefault(module, ModuleKeys(name))
        if part.slots.setdefault(slot, key) != key:
            part.again.append((slot, key))

    def settle(self) -> None:
        """Every module part becomes a module, or its keys unused ones."""
        places = {prefix: formats.place(prefix) for prefix in self.parts}
        known = {prefix: place for prefix, place in places.items() if place}
        self._settle_unknown(known)
        for prefix, place in known.items():
            part = self.parts[prefix]
            if not part.slots.keys() <= PLAIN:
                self.components.add(place.component)
            try:
                for module in _thirds(self._module(prefix, part, place)):
                    self._add(module, part)
            except ModuleError as error:
                self._drop(part, error.code, str(error))

    def _settle_unknown(self, known: Mapping[str, formats.LayerRef]) -> None:
        """Keys without an algorithm or a layer go to the module they stand beside, if any."""
        for key in self.unknown:
            if module := strangers.nearest(key, known):
                self.parts[module].strangers.append(key)
            else:
                self.unused.append(Unused(key, *strangers.unknown(key)))
        for prefix, part in self.parts.items():
            if prefix in known:
                continue
            if module := strangers.nearest(prefix, known):
                self.parts[module].strangers += part.keys
            else:
                self._drop(part, "unknown-layer", strangers.unplaced(prefix))

    def _module(self, prefix: str, part: ModuleKeys, place: formats.LayerRef) -> Module:
        for slot, key in part.again:
            raise ModuleError(
                "duplicate", f"{part.slots[slot]} and {key} are the same tensor of one module"
            )
        if place.key.startswith(TABLES):
            raise ModuleError("kind", "is for a table of embeddings, which is not changed here")
        if part.strangers:
            raise ModuleError("unknown-key", strangers.reason(part.strangers, part.name))
        infos = {slot: self.tensors[key] for slot, key in part.slots.items()}
        settings = self.configs.settings(place.component, prefix, place.format)
        outline, shapes = self._outline(infos, settings)
        return Module(
            place.component,
            place.key,
            part.name,
            place.format,
            part.slots,
            shapes,
            outline,
            settings,
        )

    def _outline(
        self, infos: Mapping[str, TensorInfo], settings: Settings
    ) -> tuple[Algorithm, dict[str, Shape]]:
        # An SDXL file has 986 modules of about 30 kinds: this halves the time of grouping.
        kind = (
            *(settings.format, settings.alpha, settings.trained_rank, settings.scales_input),
            id(settings.config),
            *((slot, info.dtype, info.shape) for slot, info in infos.items()),
        )
        if kind not in self.outlines:
            _check(infos)
            shapes = {slot: info.shape for slot, info in infos.items()}
            outline = algorithms.choose(shapes).outline(shapes, settings=settings)
            self.outlines[kind] = outline, shapes
        return self.outlines[kind]

    def _add(self, module: Module, part: ModuleKeys) -> None:
        first = self.modules.setdefault((module.component, module.key), module)
        if first is not module:
            reason = f"is for the same layer as {first.prefix}, which is used instead"
            self._drop(part, "duplicate", reason)

    def readings(self) -> tuple[str, ...]:
        """How modules were read where the file leaves it open, each sentence once."""
        said = (module.outline.reading for module in self.modules.values())
        return tuple(dict.fromkeys(sentence for sentence in said if sentence))

    def _drop(self, part: ModuleKeys, code: Code, reason: str) -> None:
        self.unused += [Unused(key, code, reason) for key in part.keys]


def _thirds(module: Module) -> Iterator[Module]:
    """The module itself, or the three that a fused projection stands for."""
    for key, third in fused_qkv.keys(module.key):
        if third is None:
            yield module
            return
        shapes = fused_qkv.cut_shapes(module.shapes)
        outline = module.algorithm.outline(shapes, settings=module.settings)
        yield replace(module, key=key, third=third, shapes=shapes, outline=outline)


def _check(infos: Mapping[str, TensorInfo]) -> None:
    for slot, info in infos.items():
        demand_readable(info)
        if info.dtype not in FLOATS and slot not in NUMBERS:
            raise ModuleError("dtype", f"{slot} is {info.dtype}; expected floating-point numbers")
