"""Networks that were read, and their deltas, kept for the next generation."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

import torch

from ..deltas import Layer
from ..engine.cached_delta import HOST, CachedDelta, bytes_of, in_host_memory, one_storage
from ..engine.layers import Site
from ..errors import FileError, ModuleError
from ..library.lora_file import LoraFile
from ..network import Match, Module, Network, Unused, load
from ..network.fused_qkv import unfused
from ..network.tensor_file import CHANGED, Read
from ..records import Target, TargetKey

FileKey = tuple[str, int, int, int | None]  # path, size, mtime, rank asked for

# Told (file, modules done, modules in all) while deltas are built that take long.
ProgressCallback = Callable[[str, int, int], None]


class _BaseNeeded(Exception):
    """A delta is made from the base weights, at a moment when nobody may read them."""


@dataclass(slots=True)
class _Gate:
    """Before the weights of a layer, while its delta is built."""

    layer: Layer
    closed: bool

    def read(self) -> torch.Tensor:
        if self.closed:
            raise _BaseNeeded
        return self.layer.read()


@dataclass(slots=True, eq=False)
class BoundNetwork:
    """One file on one model: what matched, and the deltas built so far; a key of dictionaries."""

    file: LoraFile
    network: Network
    match: Match
    rank: int | None = None
    deltas: dict[TargetKey, CachedDelta] = field(default_factory=dict)
    failed: dict[TargetKey, Unused] = field(default_factory=dict)
    of_base: set[TargetKey] = field(default_factory=set)  # made from these base weights
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def size(self) -> int:
        """Bytes of its deltas, of one copy."""
        return bytes_of(cached.delta for cached in list(self.deltas.values()))  # it may be growing

    @property
    def host_bytes(self) -> int:
        """What it takes of the host's memory."""
        return bytes_of(cached.in_host for cached in list(self.deltas.values()))

    @property
    def device_bytes(self) -> int:
        """What it takes of the memory of devices."""
        return bytes_of(cached.in_device for cached in list(self.deltas.values()))

    def leave_device(self) -> None:
        """All of it is in host memory, and nowhere else."""
        for cached in list(self.deltas.values()):
            cached.leave()

    def build(
        self,
        sites: Mapping[TargetKey, Site],
        wanted: Collection[TargetKey],
        watch: ProgressCallback,
        *,
        beside_a_run: bool = False,
    ) -> None:
        """Makes the deltas of the `wanted` targets that are not there yet. LiveLoraError.

        The file's own tensors are not kept: only what the hooks need stays in memory.
        `beside_a_run`: the weights of the model may be others meanwhile (folded), and are not read;
        what is made from them is left for later. All else is made in host memory then.
        """
        with self.lock:
            self._build(sites, wanted, watch, beside_a_run)

    def _build(
        self,
        sites: Mapping[TargetKey, Site],
        wanted: Collection[TargetKey],
        watch: ProgressCallback,
        beside_a_run: bool,
    ) -> None:
        missing = [
            (target, module)
            for target, module in self.match.matched
            if target.id in wanted and target.id not in self.deltas and target.id not in self.failed
        ]
        if not missing:
            return
        with self.network.open() as read:
            for done, (target, module) in enumerate(missing):
                watch(self.file.name, done, len(missing))
                with suppress(_BaseNeeded):
                    self._build_one(sites, target, module, read, beside_a_run)
        watch(self.file.name, len(missing), len(missing))

    def _build_one(
        self,
        sites: Mapping[TargetKey, Site],
        target: Target,
        module: Module,
        read: Read,
        beside_a_run: bool,
    ) -> None:
        layer = sites[target.id].layer()
        gate = _Gate(layer, closed=beside_a_run)
        layer, device = replace(layer, read=gate.read), HOST if beside_a_run else layer.device
        try:
            algorithm = module.build(read, rank=self.rank)
            delta = algorithm.runtime(layer, dtype=working_dtype(layer.dtype), device=device)
        except ModuleError as error:
            self.failed[target.id] = Unused.because(module.prefix, error)
            return
        finally:
            gate.closed = False
        if module.third is not None:
            delta = unfused(delta, (self.file.identity, self.rank, module.prefix))
        delta = in_host_memory(delta) if beside_a_run else one_storage(delta)
        self.deltas[target.id] = CachedDelta(delta, *_where(delta.tensors()))
        if delta.from_base:
            self.of_base.add(target.id)

    def forget_base(self) -> None:
        """Drops what was computed from the base model's weights, and what could not be."""
        for key in self.of_base:
            self.deltas.pop(key, None)
        self.of_base.clear()
        self.failed.clear()


class NetworkCache:
    """The networks of the files in use, for one model.

    Beyond `limit` bytes of deltas in host memory the least recently used ones go, beyond
    `device_limit` they go from the devices; but for those that are `pinned`. Files may be read on
    several threads at once.
    """

    def __init__(self, limit: int, device_limit: int = 0) -> None:
        self.limit, self.device_limit = limit, device_limit
        self.targets: Mapping[TargetKey, Target] = {}
        self.pinned: Counter[BoundNetwork] = Counter()
        self._bound: OrderedDict[FileKey, BoundNetwork] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, file: LoraFile, rank: int | None, *, allow_pickle: bool = False) -> BoundNetwork:
        """The file on this model, read again if it changed on disk. Raises FileError."""
        key = (*file.identity, rank)
        bound = self.known(file, rank)
        if bound is None:
            network = load(file.path, allow_pickle=allow_pickle)
            if network.stamp not in (None, file.identity[1:]):
                raise FileError("changed", file.path, CHANGED)
            bound = BoundNetwork(file, network, network.match(self.targets), rank)
        with self._lock:
            if key not in self._bound:  # else another thread was faster
                self._drop_older(key)
            bound = self._bound.setdefault(key, bound)
            self._bound.move_to_end(key)
            return bound

    def known(self, file: LoraFile, rank: int | None) -> BoundNetwork | None:
        """The file as it is now, where it is here already."""
        with self._lock:
            return self._bound.get((*file.identity, rank))

    def pin(self, bound: BoundNetwork) -> None:
        """Keeps it, until it is let go as often."""
        with self._lock:
            self.pinned[bound] += 1

    def let_go(self, bound: BoundNetwork) -> None:
        """The other way round."""
        with self._lock:
            self.pinned[bound] -= 1
            if self.pinned[bound] <= 0:
                del self.pinned[bound]

    def trim(self, keep: Collection[BoundNetwork]) -> None:
        """Makes room, never dropping what is in `keep`."""
        with self._lock:
            placed, total = sum(bound.device_bytes for bound in self), self.host_bytes
            for key, bound in list(self._bound.items()):
                if bound in keep or bound in self.pinned:
                    continue
                if placed > self.device_limit:
                    placed, total = placed - bound.device_bytes, total - bound.host_bytes
                    bound.leave_device()
                    total += bound.host_bytes
                if total > self.limit:
                    placed, total = placed - bound.device_bytes, total - bound.host_bytes
                    del self._bound[key]

    @property
    def host_bytes(self) -> int:
        """What all of them take of the host's memory."""
        return sum(bound.host_bytes for bound in self)

    def rebind(self, targets: Mapping[TargetKey, Target], *, same_weights: bool = False) -> None:
        """Another checkpoint: where its targets are the same, only what its weights decide goes."""
        changed = targets != self.targets
        self.targets = targets
        for bound in self:
            if not same_weights:
                bound.forget_base()
            if changed:
                bound.deltas.clear()
                bound.match = bound.network.match(targets)

    def __iter__(self) -> Iterator[BoundNetwork]:
        with self._lock:
            return iter(tuple(self._bound.values()))

    def _drop_older(self, key: FileKey) -> None:
        """The same file as it was before it changed on disk."""
        for other in [k for k in self._bound if (k[0], k[3]) == (key[0], key[3])]:
            del self._bound[other]


def working_dtype(dtype: torch.dtype) -> torch.dtype:
    """What a layer computes in: its weight's dtype; where that is only for storage, nobody knows
    before the first call, which has the deltas converted once. Until then they keep all digits."""
    wide = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
    return dtype if dtype in wide else torch.float32


def _where(tensors: Iterator[torch.Tensor]) -> tuple[torch.device | None, torch.dtype | None]:
    tensor = next((t for t in tensors if t.is_floating_point()), None)
    return (None, None) if tensor is None else (tensor.device, tensor.dtype)
