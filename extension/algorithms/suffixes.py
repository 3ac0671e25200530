"""Which suffix of a file's key belongs to which slot of a module."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from ..discovery import Registry

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
LONGEST = 4  # words of a suffix
PLAIN = frozenset({"weight", "bias"})  # slots named as what a layer of any model has

SLOTS: Registry[str] = Registry("slot")  # the family of algorithms that has it
SUFFIXES: Registry[str] = Registry("suffix")  # the slot that it belongs to


def claim(family: str, suffixes: Mapping[str, tuple[str, ...]]) -> None:
    """Takes slots and their suffixes for a family. TypeError where another has one of them."""
    SLOTS.add(family, suffixes)
    for slot, names in suffixes.items():
        SUFFIXES.add(slot, names)


def suffix_table() -> dict[str, str]:
    """Every suffix known -> its slot. `{name}`, the second word of some, is an adapter's name.

    A suffix follows a dot, except those that begin with `_`, which follow the module's name.
    """
    return {str(suffix): slot for suffix, slot in SUFFIXES.owners.items()}


def split(key: str) -> tuple[str, str] | None:
    """A file's key as (module part, slot) by the longest suffix known; None when there is none.

    >>> split("lora_unet_mid_block_attentions_0_proj_in.lora_up.weight")
    ('lora_unet_mid_block_attentions_0_proj_in', 'up')
    """
    parts = key.split(".")
    for size in range(min(LONGEST, len(parts) - 1), 0, -1):
        found = _dotted(parts[-size:]) or _joined(parts[-size - 1], parts[-size:])
        if found:
            taken, slot = found
            module = ".".join(parts[:-size])
            return (module[: len(module) - taken], slot) if module else None
    return None


def _dotted(words: list[str]) -> tuple[int, str] | None:
    """The slot of a dotted suffix, also where its second word is an adapter's name."""
    if words[0] not in _first_words(len(SUFFIXES.owners)):
        return None
    slots = SUFFIXES.owners
    slot = slots.get(".".join(words))
    if slot is None and len(words) > 1:
        slot = slots.get(".".join([words[0], "{name}", *words[2:]]))
    return None if slot is None else (0, slot)


def _joined(name: str, words: list[str]) -> tuple[int, str] | None:
    """`to_q_lora` + `up.weight` is `_lora.up.weight`, which takes 5 characters of `name`."""
    start = name.rfind("_")
    if start <= 0 or name[start:] not in _first_words(len(SUFFIXES.owners)):
        return None
    slot = SUFFIXES.owners.get(".".join([name[start:], *words]))
    return None if slot is None else (len(name) - start, slot)


@lru_cache(maxsize=1)
def _first_words(count: int) -> frozenset[str]:
    """What suffixes begin with; `count` of them, so that those claimed later are in it."""
    return frozenset(suffix.partition(".")[0] for suffix in suffix_table())


claim("shared", SHARED)
