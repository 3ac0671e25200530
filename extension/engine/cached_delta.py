"""A delta in host memory and where its layer is, and what happens when that place is full."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

import torch

from ..deltas import Delta, LowRank

HOST = "cpu"
OUT_OF_MEMORY: type[Exception] = getattr(torch, "OutOfMemoryError", torch.cuda.OutOfMemoryError)


@dataclass(slots=True)
class CachedDelta:
    """A delta shared by the cache and all patches: once moved to a device, it is there for all.

    `delta` is on `device`. Where that is not the host, `host` is its equal there if there is one:
    then letting go of the device costs nothing.
    """

    delta: Delta
    device: torch.device | None = None
    dtype: torch.dtype | None = None
    host: Delta | None = None
    streamed: bool = False  # copied to the device for each call, and not kept there
    # Called where a device is full; afterwards there must be room for one delta.
    make_room: Callable[[], None] | None = None

    def on(self, device: torch.device, dtype: torch.dtype) -> Delta:
        """The delta, on the device and in the dtype that the layer works in."""
        if self.device == device and self.dtype == dtype:
            return self.delta
        try:
            moved = self._moved(device, dtype)
        except OUT_OF_MEMORY:
            if self.make_room is None or self.streamed:
                raise
            self.make_room()
            moved = self._moved(device, dtype)
        if not self.streamed or device.type == HOST:
            if device.type == HOST:
                self.host = None
            elif self.host is None and self._is_on_host:
                self.host = self.delta
            self.delta, self.device, self.dtype = moved, device, dtype
        return moved

    def leave(self) -> None:
        """The device has nothing of it any more."""
        if not self._is_on_host:
            kept = self.host or in_host_memory(self.delta)
            tensor = next((t for t in kept.tensors() if t.is_floating_point()), None)
            self.delta, self.device, self.host = kept, torch.device(HOST), None
            self.dtype = None if tensor is None else tensor.dtype

    @property
    def size(self) -> int:
        """Bytes of its tensors, of one copy."""
        return bytes_of([self.delta])

    @property
    def in_host(self) -> Delta | None:
        """What of it is in the host's memory."""
        return self.delta if self._is_on_host else self.host

    @property
    def in_device(self) -> Delta | None:
        """What of it is in a device's own memory."""
        return None if self._is_on_host else self.delta

    @property
    def _is_on_host(self) -> bool:
        return self.device is None or self.device.type == HOST

    def _moved(self, device: torch.device, dtype: torch.dtype) -> Delta:
        return one_storage((self.host or self.delta).to(device, dtype))


def in_host_memory(delta: Delta) -> Delta:
    """Its equal in host memory, pinned where there is CUDA."""
    return one_storage(delta.mapped(lambda tensor: pinned(tensor.to(HOST))))


def pinned(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in host memory, so that nobody waits for its copies to a GPU."""
    return tensor.pin_memory() if torch.cuda.is_available() else tensor


# The A of files where several layers have the same one, by what is the same.
_COMMON: WeakValueDictionary[Hashable, torch.Tensor] = WeakValueDictionary()


def one_storage(delta: Delta) -> Delta:
    """With the A that deltas with the same `common` have already, in that place and dtype."""
    if not isinstance(delta, LowRank) or delta.common is None:
        return delta
    down = delta.down
    kind = (delta.common, down.device, down.dtype, down.is_pinned())
    return replace(delta, down=_COMMON.setdefault(kind, down))


def bytes_of(deltas: Iterable[Delta | None]) -> int:
    """What their tensors take; those that several of them have, once."""
    tensors = {id(t): t for delta in deltas if delta is not None for t in delta.tensors()}
    return sum(t.numel() * t.element_size() for t in tensors.values())


class Streaming:
    """What a run does where a device is full: nothing is kept there, all is copied for each call.

    `let_go` is called then, so that nobody holds on to what was settled. The next run begins anew.
    """

    def __init__(self, deltas: Iterable[CachedDelta]) -> None:
        self.deltas = list(deltas)
        self.let_go: list[Callable[[], None]] = []
        self.on = False

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Inside, a full device is no error."""
        for one in self.deltas:
            one.make_room, one.streamed = self.start, self.on
        try:
            yield
        finally:
            for one in self.deltas:
                one.make_room, one.streamed = None, False

    def start(self) -> None:
        """From now on."""
        self.on = True
        for tell in self.let_go:
            tell()
        for one in self.deltas:
            one.leave()
            one.streamed = True
