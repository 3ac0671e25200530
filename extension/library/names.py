"""Which files a name in a prompt can mean, and which names look like it."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import cached_property, lru_cache

from .lora_file import LoraFile

Table = dict[str, list[LoraFile]]
SUGGESTED = 3
# Characters of a wanted name that are compared; beyond 200, difflib leaves frequent ones out.
LONGEST = 199


def spellings(relative: str, label: str) -> tuple[str, ...]:
    """What a file answers to, the surest first; `label` is its library folder's name.

    `sub/a.safetensors`, `a`, `sub/a`, `a.safetensors`, `Lora/sub/a.safetensors`, `Lora/sub/a`.
    """
    bare, file = relative.rpartition(".")[0], relative.rpartition("/")[2]
    stem = bare.rpartition("/")[2]
    return relative, stem, bare, file, f"{label}/{relative}", f"{label}/{bare}"


def unique_names(places: Sequence[tuple[str, str]]) -> list[str]:
    """For each (relative, label): the shortest spelling that `Names.exact` gives to it alone."""
    spelled = [spellings(*place) for place in places]
    counts = [Counter(column) for column in zip(*spelled, strict=True)]
    return [_shortest(names, counts) for names in spelled]


def _shortest(names: Sequence[str], counts: Sequence[Counter[str]]) -> str:
    for rank in (1, 2, 0, 4):
        name = names[rank]
        surer = counts[:rank]
        if counts[rank][name] == 1 and not any(
            count[name] - (names[at] == name) for at, count in enumerate(surer)
        ):
            return name
    return names[4]


def fold(name: str) -> str:
    """One form for names that differ in case or in Unicode composition (macOS decomposes).

    Made of what JavaScript has as well, which knows no casefold; it makes one of ß, ẞ and SS, too.
    """
    folded = unicodedata.normalize("NFC", name).lower().upper().lower()
    return unicodedata.normalize("NFC", folded)


class Names:
    """The names that the entries of one scan answer to. Tables are made when first needed.

    The page has the same rules (browser/static/names.mjs); tests/cases/names.json holds both to
    them. `labels` are the names of the entries' library folders.
    """

    def __init__(self, entries: Sequence[LoraFile], labels: Sequence[str]) -> None:
        self._entries = entries
        self.labels = labels
        self.nearest = lru_cache(256)(self._nearest)

    def find(self, name: str) -> Sequence[LoraFile]:
        """The entries that the first rule that fits gives; several mean the name is ambiguous.

        Rules: path with suffix, stem, path without suffix, file name; alias; then all these
        without regard to case; then all of it with Windows' backslashes read as slashes.
        """
        for spelled in dict.fromkeys((name, name.replace("\\", "/"))):
            found = (
                _first(self._spellings, spelled)
                or self._aliases.get(spelled)
                or _first(self._folded_spellings, fold(spelled))
                or self._folded_aliases.get(fold(spelled))
            )
            if found:
                return found
        return ()

    @cached_property
    def _spellings(self) -> list[Table]:
        spelled = [
            spellings(entry.relative, label)
            for entry, label in zip(self._entries, self.labels, strict=True)
        ]
        columns = zip(*spelled, strict=True)
        return [_table(zip(column, self._entries, strict=True)) for column in columns]

    @cached_property
    def _aliases(self) -> Table:
        aliases = ((entry.alias, entry) for entry in self._entries)
        return _table((alias, entry) for alias, entry in aliases if alias)

    @cached_property
    def _folded_spellings(self) -> list[Table]:
        return [_folded(table) for table in self._spellings]

    @cached_property
    def _folded_aliases(self) -> Table:
        return _folded(self._aliases)

    def _nearest(self, name: str) -> tuple[str, ...]:
        """Up to 3 names or aliases that look like `name`: difflib's, then those that contain it.

        The folder is left out of the comparison: what is in the same one is not alike for that.
        """
        wanted = fold(name.replace("\\", "/").rpartition("/")[2][:LONGEST])
        close = get_close_matches(wanted, self._written, SUGGESTED)
        within = sorted((own for own in self._written if _contain(own, wanted)), key=_length)
        found = (name for own in [*close, *within] for name in self._written[own])
        return tuple(dict.fromkeys(found))[:SUGGESTED]

    @cached_property
    def _written(self) -> dict[str, list[str]]:
        """Folded stem or alias -> what to write for it; for a stem, the names of its files."""
        written: dict[str, list[str]] = {}
        for entry in self._entries:
            written.setdefault(fold(entry.stem), []).append(entry.name)
        for alias in self._aliases:
            written.setdefault(fold(alias), []).append(alias)
        return written


def _first(tables: Iterable[Table], name: str) -> list[LoraFile]:
    return next((table[name] for table in tables if name in table), [])


def _table(pairs: Iterable[tuple[str, LoraFile]]) -> Table:
    table: Table = {}
    for name, entry in pairs:
        table.setdefault(name, []).append(entry)
    return table


def _folded(table: Table) -> Table:
    return _table((fold(name), entry) for name, entries in table.items() for entry in entries)


def _contain(name: str, other: str) -> bool:
    """True where one is part of the other, and more than a letter or two."""
    return min(len(name), len(other)) > 2 and (name in other or other in name)


def _length(name: str) -> tuple[int, str]:
    return len(name), name
