"""Which suffix belongs to which slot, and which slots make which algorithm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..errors import ModuleError

if TYPE_CHECKING:
    from .base import Algorithm

Shape = tuple[int, ...]

# Slots that can stand beside any algorithm's own tensors.
SHARED: Mapping[str, tuple[str, ...]] = {
    "alpha": ("alpha",),
    # HCP-Diffusion's "alpha" has been divided by the rank already (hcpdiff/models/lora_base_patch).
    "scale": ("scale", "___.scale", "___.alpha"),
    "diff_b": ("diff_b",),
    "bias": ("bias",),
    "bias_indices": ("bias_indices",),
    "bias_values": ("bias_values",),
    "bias_size": ("bias_size",),
}

_slots: dict[str, str] = {}  # suffix -> slot
_first: set[str] = set()  # words that suffixes begin with
_owners: dict[str, str] = {}  # slot -> algorithm
_algorithms: list[type[Algorithm]] = []


def _claim(owner: str, suffixes: Mapping[str, tuple[str, ...]]) -> None:
    for slot, names in suffixes.items():
        if _owners.setdefault(slot, owner) != owner:
            raise TypeError(f"{owner} and {_owners[slot]} both claim the slot {slot!r}")
        for suffix in names:
            _first.add(suffix.partition(".")[0])
            if _slots.setdefault(suffix, slot) != slot:
                raise TypeError(f"the suffix {suffix!r} means {_slots[suffix]!r} and {slot!r}")


def register(algorithm: type[Algorithm]) -> None:
    """Called for every named subclass; two claims on one suffix or slot are a TypeError."""
    own = {slot: names for slot, names in algorithm.suffixes.items() if slot not in SHARED}
    _claim(algorithm.family or algorithm.name, own)
    _algorithms.append(algorithm)


def suffix_table() -> Mapping[str, str]:
    """Every suffix known -> its slot. `{name}` in a suffix stands for one word (an adapter's name).

    A suffix follows a dot, except those that begin with `_`, which follow the module's name.
    """
    return dict(_slots)


def split(key: str) -> tuple[str, str] | None:
    """A file's key as (module part, slot) by the longest suffix known; None when there is none.

    >>> split("lora_unet_mid_block_attentions_0_proj_in.lora_up.weight")
    ('lora_unet_mid_block_attentions_0_proj_in', 'up')
    """
    parts = key.split(".")
    for size in range(min(4, len(parts) - 1), 0, -1):
        found = _lookup(parts[-size:]) or _lookup_joined(parts[-size - 1], parts[-size:])
        if found:
            head, slot = found
            module = ".".join(parts[:-size])
            return (module[: len(module) - head], slot) if head < len(module) else None
    return None


def _lookup(words: list[str]) -> tuple[int, str] | None:
    """The slot of a dotted suffix, also where one word of it is an adapter's name."""
    if words[0] not in _first:
        return None
    slot = _slots.get(".".join(words))
    for place in range(1, len(words)):
        if slot is None:
            slot = _slots.get(".".join([*words[:place], "{name}", *words[place + 1 :]]))
    return None if slot is None else (0, slot)


def _lookup_joined(head: str, words: list[str]) -> tuple[int, str] | None:
    """`to_q_lora` + `up.weight` is `_lora.up.weight`, which takes 5 characters of `head`."""
    last = head.rfind("_")
    if last <= 0 or head[last:] not in _first:
        return None
    slot = _slots.get(".".join([head[last:], *words]))
    return None if slot is None else (len(head) - last, slot)


def choose(shapes: Mapping[str, Shape]) -> type[Algorithm]:
    """The algorithm that these slots (with their tensors' shapes) make: the one that needs most.

    Raises ModuleError when no algorithm is complete, or when two are in one module.
    """
    found = [algorithm for algorithm in _algorithms if algorithm.claims(shapes)]
    if not found:
        raise ModuleError("incomplete", _incomplete(shapes))
    best = max(found, key=lambda algorithm: len(algorithm.covers(shapes)))
    foreign = set(shapes) - best.covers(shapes) - set(SHARED)
    if foreign:
        raise ModuleError(
            "ambiguous", f"holds {_list(foreign)} beside a whole {best.name}: which one is meant?"
        )
    return best


def _incomplete(shapes: Mapping[str, Shape]) -> str:
    own = set(shapes) - set(SHARED)
    if not own:
        return f"holds nothing but {_list(shapes)}"
    nearest = max(_algorithms, key=lambda a: (len(own & set(a.suffixes)), -len(a.required)))
    missing = nearest.required - own
    if not missing:
        return f"holds {_list(own)} and nothing that it belongs to"
    return f"holds {_list(own)} but no {_list(missing)}: half a {nearest.name}"


def _list(slots: Iterable[str]) -> str:
    return ", ".join(sorted(slots))


_claim("shared", SHARED)
