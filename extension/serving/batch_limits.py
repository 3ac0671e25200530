"""How many pictures one batch may have: by number, by pixels, and by the memory they need."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

RESERVE = 0.1  # of the free memory is left to others


@dataclass(slots=True)
class MemoryBudget:
    """What was measured of batches so far, and what it says of larger ones.

    `free` gives the bytes that a batch could take now, None where nobody knows. A batch of n pixels
    takes at most what the costliest one so far took per pixel; before the first, and on a device
    that says nothing, only `ceiling` bounds it.
    """

    free: Callable[[], int | None] = lambda: None
    per_pixel: float = 0.0
    ceiling: int | None = None  # pixels: more were too many once
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def measured(self, pixels: int, taken: int) -> None:
        """A batch of so many pixels has taken so many bytes, at its worst moment."""
        with self._lock:
            self.per_pixel = max(self.per_pixel, taken / pixels)

    def too_much(self, pixels: int) -> None:
        """A batch of so many pixels did not fit."""
        with self._lock:
            self.ceiling = min(self.ceiling or pixels, max(1, pixels // 2))

    def pixels(self) -> int | None:
        """The most that fit now; None where nothing speaks against any number."""
        with self._lock:
            known = [] if self.ceiling is None else [self.ceiling]
            free = self.free() if self.per_pixel else None
            if free is not None:
                known.append(int(free * (1 - RESERVE) / self.per_pixel))
            return min(known, default=None)


@dataclass(slots=True)
class BatchLimits:
    """A batch has at least one picture, whatever it needs."""

    pictures: int = 8
    pixels: int = 8 * 1024 * 1024
    memory: MemoryBudget = field(default_factory=MemoryBudget)

    def room(self, pixels: int) -> int:
        """How many pictures of so many pixels each."""
        fits = self.memory.pixels()
        most = self.pixels if fits is None else min(self.pixels, fits)
        return max(1, min(self.pictures, most // max(1, pixels)))
