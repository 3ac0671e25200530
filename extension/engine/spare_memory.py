"""Memory to write folded weights into, in large pages where the system has them.

Fresh memory costs a system call for each of its pages, at the first touch. For a gigabyte in pages
of 4 KiB that is half of what folding takes, and reading it in each step costs a little more, too.
https://docs.kernel.org/admin-guide/mm/transhuge.html
"""

from __future__ import annotations

import mmap

import torch
from torch import Tensor

LARGE_PAGE = 2 << 20
SUPPORTED = hasattr(mmap, "MADV_HUGEPAGE")  # Linux


def spare_like(tensor: Tensor) -> Tensor:
    """An uninitialised tensor like this one; its memory goes back to the system with it."""
    size = tensor.numel() * tensor.element_size()
    if not SUPPORTED or tensor.device.type != "cpu" or size < LARGE_PAGE:
        return torch.empty_like(tensor)
    if not tensor.is_contiguous() or tensor.layout is not torch.strided:
        return torch.empty_like(tensor)  # channels last, sparse
    try:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_HUGEPAGE)
    except OSError:  # no such memory left, or a system without it
        return torch.empty_like(tensor)
    return torch.frombuffer(memory, dtype=tensor.dtype).view(tensor.shape)
