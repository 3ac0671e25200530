"""Which slots make which algorithm."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import ModuleError
from ..records import Shapes
from .base import ALGORITHMS, Algorithm
from .suffixes import PLAIN, SHARED, SLOTS


def choose(shapes: Shapes) -> type[Algorithm]:
    """The algorithm that these slots, with their tensors' shapes, make: the one that uses most.

    Raises ModuleError when no algorithm is complete, or when there are tensors of two.
    """
    found = [algorithm for algorithm in ALGORITHMS if algorithm.claims(shapes)]
    if not found:
        raise ModuleError("incomplete", _incomplete(set(shapes)))
    best = max(found, key=lambda algorithm: len(algorithm.covers(shapes)))
    foreign = set(shapes) - best.covers(shapes) - set(SHARED)
    if foreign:
        raise _mixed(foreign, best)
    return best


def _mixed(foreign: set[str], best: type[Algorithm]) -> ModuleError:
    """Tensors of two algorithms; only DoRA is meant to stand on another."""
    if all(SLOTS.owners[slot] == "dora" for slot in foreign):
        return ModuleError("other-algorithm", f"is DoRA on {best.name}, which is not read here")
    reason = f"has {_list(foreign)} besides a complete {best.name}: it is not clear which is meant"
    return ModuleError("ambiguous", reason)


def _incomplete(slots: set[str]) -> str:
    own = slots - set(SHARED)
    if slots <= PLAIN:
        return f"has the layer's own {_list(slots)} (PEFT's modules_to_save), not a change of it"
    if not own:
        return f"has only {_list(slots)}"
    nearest = max(ALGORITHMS, key=lambda algorithm: len(own & set(algorithm.suffixes)))
    missing = nearest.required - own
    if not missing:
        return f"has {_list(own)} without the weights that go with it"
    return f"has {_list(own)} but no {_list(missing)}: an incomplete {nearest.name}"


def _list(slots: Iterable[str]) -> str:
    return ", ".join(sorted(slots))
