"""Blocks of rotations: the Cayley transform and how it acts on channels.

Everything here is R − I, not R: that is the change itself, with all its digits.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .values import ComputeSpec


def cayley(skew: Tensor, spec: ComputeSpec) -> Tensor:
    """(I + Q)(I − Q)⁻¹ − I = 2Q (I − Q)⁻¹ of skew-symmetric blocks Q (…, n, n)."""
    exact = spec.exact(skew)
    identity = torch.eye(exact.shape[-1], dtype=exact.dtype, device=exact.device)
    turned: Tensor = torch.linalg.solve(identity - exact, 2 * exact, left=False)
    return spec.of(turned)


def skewed(blocks: Tensor) -> Tensor:
    """B − Bᵀ of every block."""
    return blocks - blocks.mT


def bounded(skew: Tensor, limit: float) -> Tensor:
    """Q, shortened so that ‖Q‖ over all blocks is at most `limit`; 0 is no limit."""
    if limit <= 0:
        return skew
    length = torch.linalg.vector_norm(skew)
    return torch.where(length > limit, skew * (limit / length), skew)


def blockwise(values: Tensor, blocks: Tensor) -> Tensor:
    """Σ_n values[…, k, n] blocks[k, n, m]: (…, K·n) → (…, K·m), channels last.

    A single block (1, n, m) serves for all k.
    """
    parted = values.reshape(*values.shape[:-1], -1, blocks.shape[1])
    if blocks.shape[0] == 1:
        return (parted @ blocks[0]).flatten(-2)
    return torch.einsum("...kn,knm->...km", parted, blocks).flatten(-2)
