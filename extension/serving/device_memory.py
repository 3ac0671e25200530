"""How much memory a batch takes at its worst moment, and how much is free."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

STATM, MEMINFO = Path("/proc/self/statm"), Path("/proc/meminfo")


@dataclass(slots=True)
class MemoryMeasurement:
    """`taken` bytes, known when the batch is over; on a CPU as far as `sample` was called."""

    before: int
    taken: int = 0
    by_hand: bool = True  # a GPU keeps its own maximum

    def sample(self) -> None:
        """Looks how much the process has now."""
        if self.by_hand:
            self.taken = max(self.taken, resident() - self.before)


class DeviceMemory:
    """Of a CUDA device what torch says; of the CPU the process' resident memory (Linux)."""

    def __init__(self, device: Any) -> None:
        self.device = torch.device(device)
        self.is_cuda = self.device.type == "cuda"

    def free(self) -> int | None:
        """Bytes; None where nobody knows."""
        if self.is_cuda:
            cached = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(
                self.device
            )
            return int(torch.cuda.mem_get_info(self.device)[0] + cached)
        return available() if self.device.type == "cpu" else None

    @contextmanager
    def measuring(self) -> Iterator[MemoryMeasurement]:
        """Around one batch."""
        if not self.is_cuda:
            yield MemoryMeasurement(resident())
            return
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        measurement = MemoryMeasurement(before, by_hand=False)
        yield measurement
        measurement.taken = torch.cuda.max_memory_allocated(self.device) - measurement.before

    def release(self) -> None:
        """Gives back what only lies in reserve, after a batch was too large."""
        if self.is_cuda:
            torch.cuda.empty_cache()


def resident() -> int:
    """Bytes of this process in memory; 0 where the system does not say."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def available() -> int | None:
    """Bytes that programs can have without swapping (MemAvailable)."""
    try:
        lines = MEMINFO.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None
