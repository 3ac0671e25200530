"""How strongly something may act: what `cap=` says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .grammar import Unreadable
from .numbers import finite_number, what_was_found

EXPECTED = "a ratio above 0 (0.8), or one for each layer (0.4 each)"
_EACH = re.compile(r"\s*(.*?)(\s+each)?\s*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that ‖ΔWx‖/‖Wx‖ may be: over all layers together, or in `each`."""

    most: float
    each: bool = False

    @property
    def words(self) -> str:
        """For people."""
        where = "in each layer" if self.each else "over all layers"
        return f"at most {self.most:g} times what the UNet answers, {where}"


def read_bound(text: str) -> Bound:
    """`0.8`, or `0.4 each`. Raises Unreadable."""
    found = _EACH.fullmatch(text)
    assert found is not None
    most = finite_number(found[1])
    if most is None or most <= 0:
        raise Unreadable(f"expected {EXPECTED}, {what_was_found(text)}")
    return Bound(most, each=bool(found[2]))


def bound_of(setting: str) -> Bound | None:
    """What a setting for all LoRAs says; None for nothing. Raises ValueError."""
    try:
        return read_bound(setting) if setting.strip() else None
    except Unreadable as error:
        raise ValueError(f"cap: {error.message}") from error
