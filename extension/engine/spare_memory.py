"""Memory for spares: what one run gives back on a CPU, the next one writes in at once.

The system finds and clears each page of new memory at the first write, which takes seven times as
long as the write itself (0.38 s a GiB beside 0.054). So what is given back is only told to be free
(`MADV_FREE`): its pages stay until the system wants them, as it may at any time, without writing
them anywhere.
"""

from __future__ import annotations

import math
import mmap
import threading
import weakref
from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

LEAST = 1 << 20  # bytes; of less the allocator keeps pages itself
PRIVATE = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0)


class SpareMemory:
    """What was given back; with what is lent at most twice of what was once lent at one time.

    Twice, for two kinds of run by turns, one that folds and one that hooks. Any thread may ask, and
    any may give back: wherever the last reference to a tensor's storage goes.
    """

    def __init__(self) -> None:
        self.kept: dict[int, list[mmap.mmap]] = {}  # by size in bytes
        self._possible = hasattr(mmap, "MADV_FREE")  # not on Windows
        self._lock = threading.Lock()
        self._back: deque[mmap.mmap] = deque()  # without the lock, which this thread might hold
        self._lent = self._kept = self._most = 0

    def like(self, tensor: Tensor) -> Tensor:
        """Of the same shape, strides, dtype and device, not written yet.

        Raises RuntimeError (torch's OutOfMemoryError on a GPU) where there is no memory.
        """
        own = self._own(tensor.shape, tensor) if tensor.is_contiguous() else None
        return torch.empty_like(tensor) if own is None else own

    def joined(self, tensors: Sequence[Tensor], dim: int) -> Tensor:
        """As torch.cat."""
        shape = list(tensors[0].shape)
        shape[dim] = sum(one.shape[dim] for one in tensors)
        return torch.cat(list(tensors), dim, out=self._own(shape, tensors[0]))

    def _own(self, shape: Sequence[int], like: Tensor) -> Tensor | None:
        """Of pages of ours, where that is any use."""
        size = math.prod(shape) * like.element_size()
        wanted = self._possible and like.device.type == "cpu" and size >= LEAST
        pages = self._take(size) if wanted else None
        if pages is None:
            return None
        view = memoryview(pages)  # the storage alone holds it, and so it goes when that does
        weakref.finalize(view, self._give_back, pages).atexit = False
        return torch.frombuffer(view, dtype=torch.uint8).view(like.dtype).view(shape)

    def _take(self, size: int) -> mmap.mmap | None:
        with self._lock:
            while self._back:
                pages = self._back.popleft()
                self._lent -= len(pages)
                self._kept += len(pages)
                self.kept.setdefault(len(pages), []).append(pages)
            while size not in self.kept and self.kept and self._all + size > 2 * self._most:
                self._next(next(iter(self.kept)))
            try:
                pages = self._next(size) if size in self.kept else mmap.mmap(-1, size, PRIVATE)
            except OSError:  # torch's allocator may have some, and says it better
                return None
            self._lent += size
            self._most = max(self._most, self._lent)
            return pages

    @property
    def _all(self) -> int:
        return self._lent + self._kept

    def _next(self, size: int) -> mmap.mmap:
        pages = self.kept[size].pop()
        self._kept -= size
        if not self.kept[size]:
            del self.kept[size]
        return pages

    def _give_back(self, pages: mmap.mmap) -> None:
        try:
            pages.madvise(mmap.MADV_FREE)
        except OSError:  # a system that only has the name: memory is the allocator's from now on
            self._possible = False
        else:
            self._back.append(pages)


SPARES = SpareMemory()
