"""Named ways from one point of a curve to the next: t from 0 to 1 gives the share of the way."""

from __future__ import annotations

import math
from collections.abc import Callable

EASINGS: dict[str, Callable[[float], float]] = {
    "linear": lambda t: t,
    "hold": lambda t: 0.0,  # stay, and jump at the point
    "smooth": lambda t: t * t * (3 - 2 * t),
    "ease-in": lambda t: t * t,
    "ease-out": lambda t: t * (2 - t),
    "ease-in-out": lambda t: t * t * (3 - 2 * t),
    "cubic-in": lambda t: t**3,
    "cubic-out": lambda t: 1 - (1 - t) ** 3,
    "cubic-in-out": lambda t: 4 * t**3 if t < 0.5 else 1 - 4 * (1 - t) ** 3,
    "sine": lambda t: (1 - math.cos(math.pi * t)) / 2,
}
