"""Memory for the weights of folded layers: 1 GB for an SD 1.5 in 32 bits, taken at every switch."""

from __future__ import annotations

import mmap

import torch
from torch import Tensor

HUGE_PAGE = 1 << 21  # bytes


def empty_like(tensor: Tensor) -> Tensor:
    """`torch.empty_like`; large ones in host memory are in huge pages, where the system has them.

    The first writing to new memory is half of what a fold costs: the system hands out zeros, page
    by page. In pages of 2 MiB it costs less than half (0.15 s in place of 0.30 for 256 MiB).
    """
    size = tensor.nbytes
    plain = tensor.device.type != "cpu" or not tensor.is_contiguous()
    if plain or size < HUGE_PAGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return torch.empty_like(tensor)
    try:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_HUGEPAGE)
    except OSError:  # without huge pages, or without memory, which torch then says
        return torch.empty_like(tensor)
    return torch.frombuffer(memory, dtype=tensor.dtype).view(tensor.shape)
