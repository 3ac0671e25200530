"""Networks that were read, and their deltas, kept for the next generation."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

import torch

from ..engine.layer_patch import CachedDelta
from ..engine.sites import Site
from ..errors import ModuleError
from ..library.lora_file import LoraFile
from ..network.lora_module import Module, Unused
from ..network.network import Match, Network, Reader
from ..records import Target

TargetKey = tuple[str, str]  # component, key
FileKey = tuple[str, int, int, int | None]  # path, size, mtime, rank asked for

# Told (file, modules done, modules in all) while deltas are built that take long.
ProgressCallback = Callable[[str, int, int], None]


@dataclass(slots=True)
class BoundNetwork:
    """One file on one model: what matched, and the deltas built so far."""

    entry: LoraFile
    network: Network
    match: Match
    rank: int | None = None
    deltas: dict[TargetKey, CachedDelta] = field(default_factory=dict)
    failed: dict[TargetKey, Unused] = field(default_factory=dict)
    bound: set[TargetKey] = field(
        default_factory=set
    )  # deltas that hold for these base weights only

    @property
    def size(self) -> int:
        """Bytes of its deltas."""
        return sum(cached.size for cached in self.deltas.values())

    def build(
        self,
        sites: Mapping[TargetKey, Site],
        wanted: Collection[TargetKey],
        watch: ProgressCallback,
    ) -> None:
        """Makes the deltas of the `wanted` places that are not there yet.

        The file's own tensors are not kept: only what the hooks need stays in memory.
        """
        missing = [
            (target, module)
            for target, module in self.match.matched
            if (place := (target.component, target.key)) in wanted
            and place not in self.deltas
            and place not in self.failed
        ]
        if not missing:
            return
        with self.network.open() as read:
            for done, (target, module) in enumerate(missing):
                watch(self.entry.name, done, len(missing))
                self._build_one(sites, target, module, read)
        watch(self.entry.name, len(missing), len(missing))

    def _build_one(
        self,
        sites: Mapping[TargetKey, Site],
        target: Target,
        module: Module,
        read: Reader,
    ) -> None:
        place = (target.component, target.key)
        layer = sites[place].layer()
        try:
            algorithm = module.build(read, rank=self.rank)
            delta = algorithm.runtime(
                layer, dtype=working_dtype(layer.weight.dtype), device=layer.weight.device
            )
        except ModuleError as error:
            self.failed[place] = Unused(module.prefix, str(error))
            return
        self.deltas[place] = CachedDelta(delta, *_where(delta.tensors()))
        if algorithm.needs_base:
            self.bound.add(place)

    def forget_base(self) -> None:
        """Drops what was computed from the base model's weights."""
        for place in self.bound:
            self.deltas.pop(place, None)
        self.bound.clear()


class NetworkCache:
    """The loaded files, the least recently used ones dropped beyond `limit` bytes of deltas."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._loaded: OrderedDict[FileKey, BoundNetwork] = OrderedDict()

    def get(
        self,
        entry: LoraFile,
        rank: int | None,
        targets: Mapping[TargetKey, Target],
        load: Callable[[LoraFile], Network],
    ) -> BoundNetwork:
        """The file on this model, read again if it changed on disk. Raises FileError."""
        key = (*entry.identity, rank)
        loaded = self._loaded.get(key)
        if loaded is None:
            self._drop_older(key)
            read = load(entry)
            loaded = self._loaded[key] = BoundNetwork(entry, read, read.match(targets), rank)
        self._loaded.move_to_end(key)
        return loaded

    def trim(self, keep: Collection[int]) -> None:
        """Makes room, never dropping the loaded files whose `id` is in `keep`."""
        total = sum(loaded.size for loaded in self._loaded.values())
        for key, loaded in list(self._loaded.items()):
            if total <= self.limit:
                return
            if id(loaded) not in keep:
                total -= loaded.size
                del self._loaded[key]

    def rebind(self, targets: Mapping[TargetKey, Target] | None) -> None:
        """Another checkpoint: with the same targets (None) only what its weights decide goes."""
        for loaded in self._loaded.values():
            loaded.forget_base()
            if targets is not None:
                loaded.deltas.clear()
                loaded.failed.clear()
                loaded.match = loaded.network.match(targets)

    def __iter__(self) -> Iterator[BoundNetwork]:
        return iter(self._loaded.values())

    def _drop_older(self, key: FileKey) -> None:
        """The same file as it was before it changed on disk."""
        for other in [k for k in self._loaded if (k[0], k[3]) == (key[0], key[3])]:
            del self._loaded[other]


def working_dtype(dtype: torch.dtype) -> torch.dtype:
    """What a layer computes in: its weight's dtype, 16 bits where that is only for storage."""
    wide = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
    return dtype if dtype in wide else torch.bfloat16


def _where(tensors: Iterator[torch.Tensor]) -> tuple[torch.device | None, torch.dtype | None]:
    tensor = next((t for t in tensors if t.is_floating_point()), None)
    return (None, None) if tensor is None else (tensor.device, tensor.dtype)
