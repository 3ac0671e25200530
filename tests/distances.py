"""How far two results are from each other."""

from __future__ import annotations

from torch import Tensor


def distance(a: Tensor, b: Tensor) -> float:
    """‖a − b‖ / ‖b‖."""
    return float((a - b).norm() / b.norm())
