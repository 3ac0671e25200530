"""Which files a name in a prompt can mean, and which names look like it."""

from __future__ import annotations

import difflib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache

from .lora_file import LoraFile

Table = dict[str, list[LoraFile]]
SUGGESTED = 3
COMPARED = 40  # names that difflib looks at: its ratio takes about 30 µs a pair
ALIKE = 0.6
LONGEST = 255  # characters of a file name: what is longer is not worth the comparison


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
    """One form for names that differ in case or in Unicode composition (macOS decomposes)."""
    return unicodedata.normalize("NFC", name).casefold()


class Names:
    """The names that the entries of one scan answer to. Tables are made when first needed."""

    def __init__(self, entries: Sequence[LoraFile], labels: Sequence[str]) -> None:
        self._entries = entries
        self._labels = labels
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
            for entry, label in zip(self._entries, self._labels, strict=True)
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
        """Up to 3 names or aliases that look like `name`, the nearest first."""
        wanted = fold(name[:LONGEST].replace("\\", "/"))
        pairs = _pairs(wanted)
        common = Counter(
            {own: len(pairs & theirs) / len(pairs | theirs) for own, theirs in self._pairs.items()}
        )
        scores = Counter({own: _likeness(own, wanted) for own, _ in common.most_common(COMPARED)})
        best = (name for name, score in scores.most_common() if score >= ALIKE)
        return tuple(dict.fromkeys(self._written[name] for name in best))[:SUGGESTED]

    @cached_property
    def _written(self) -> dict[str, str]:
        """Folded name or alias -> how to write it."""
        names = [*self._aliases, *(entry.stem for entry in self._entries)]
        written = {fold(name): name for name in names}
        return written | {fold(entry.name): entry.name for entry in self._entries}

    @cached_property
    def _pairs(self) -> dict[str, frozenset[str]]:
        return {name: _pairs(name) for name in self._written}


def _first(tables: Iterable[Table], name: str) -> list[LoraFile]:
    return next((table[name] for table in tables if name in table), [])


def _table(pairs: Iterable[tuple[str, LoraFile]]) -> Table:
    table: Table = {}
    for name, entry in pairs:
        table.setdefault(name, []).append(entry)
    return table


def _folded(table: Table) -> Table:
    return _table((fold(name), entry) for name, entries in table.items() for entry in entries)


def _pairs(name: str) -> frozenset[str]:
    """The name's pairs of neighbouring characters: names that look alike share many."""
    return frozenset(map("".join, zip(f" {name}", name, strict=False)))


def _likeness(name: str, wanted: str) -> float:
    """0 to 1; a name that contains the wanted one, or lies in it, is taken as alike."""
    within = len(wanted) > 2 and (wanted in name or (len(name) > 2 and name in wanted))
    ratio = difflib.SequenceMatcher(a=name, b=wanted, autojunk=False).ratio()
    return max(ratio, ALIKE if within else 0.0)
