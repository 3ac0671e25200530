"""Which files a name in a prompt can mean, and which names look like it."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from functools import cached_property, lru_cache

from .lora_file import LoraFile

Table = dict[str, int | list[int]]  # folded name -> place among the entries
SPELLINGS = 6  # of a file
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
    if name.isascii():
        return name.lower()
    folded = unicodedata.normalize("NFC", name).lower().upper().lower()
    return unicodedata.normalize("NFC", folded)


class Names:
    """The names that the entries of one scan answer to. Tables are made when first needed.

    All names of a file end in its stem. So two tables, by stem and by alias, lead to the few files
    that a name can mean, and these are asked for their spellings: a table for every spelling would
    take ten times the memory. The page has the same rules (browser/static/names.mjs);
    tests/cases/names.json holds both to them. `labels` are the names of the entries' library
    folders.
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
            found = self._spelled(spelled, _same) or self._spelled(spelled, fold)
            if found:
                return found
        return ()

    def _spelled(self, wanted: str, form: Callable[[str], str]) -> Sequence[LoraFile]:
        """The entries of the first rule, names compared in this form."""
        wanted, alias = form(wanted), self._aliased(wanted)
        spelled = [
            (at, tuple(map(form, spellings(self._entries[at].relative, self.labels[at]))))
            for at in self._alike(wanted)
        ]
        for rank in range(SPELLINGS):
            if found := [self._entries[at] for at, names in spelled if names[rank] == wanted]:
                return found
        return [entry for entry in alias if form(entry.alias or "") == wanted]

    def _alike(self, name: str) -> list[int]:
        """The entries whose stem may be the last part of this name, with suffix or without."""
        last = name.rpartition("/")[2]
        stems = dict.fromkeys((fold(last), fold(last.rpartition(".")[0])))
        return sorted(at for stem in stems for at in _places(self._stems, stem))

    def _aliased(self, name: str) -> list[LoraFile]:
        return [self._entries[at] for at in _places(self._aliases, fold(name))]

    @cached_property
    def _stems(self) -> Table:
        return _table(entry.stem for entry in self._entries)

    @cached_property
    def _aliases(self) -> Table:
        return _table(entry.alias for entry in self._entries)

    def _nearest(self, name: str) -> tuple[str, ...]:
        """Up to 3 names or aliases that look like `name`: difflib's, then those that contain it.

        The folder is left out of the comparison: what is in the same one is not alike for that.
        """
        wanted = fold(name.replace("\\", "/").rpartition("/")[2][:LONGEST])
        known = [*self._stems, *(alias for alias in self._aliases if alias not in self._stems)]
        close = get_close_matches(wanted, known, SUGGESTED)
        within = sorted((own for own in known if _contain(own, wanted)), key=_length)
        found = (name for own in [*close, *within] for name in self._written(own))
        return tuple(dict.fromkeys(found))[:SUGGESTED]

    def _written(self, own: str) -> Iterator[str]:
        """What to write for a folded stem or alias; for a stem, the names of its files."""
        yield from (self._entries[at].name for at in _places(self._stems, own))
        for at in _places(self._aliases, own):
            yield self._entries[at].alias or ""


def _same(name: str) -> str:
    return name


def _table(names: Iterable[str | None]) -> Table:
    """Folded name -> place of the one entry that has it, or places; a list for each takes 5 MB."""
    table: Table = {}
    for at, name in enumerate(names):
        if not name:
            continue
        known = table.setdefault(fold(name), at)
        if isinstance(known, list):
            known.append(at)
        elif known != at:
            table[fold(name)] = [known, at]
    return table


def _places(table: Table, name: str) -> Sequence[int]:
    found = table.get(name, ())
    return (found,) if isinstance(found, int) else found


def _contain(name: str, other: str) -> bool:
    """True where one is part of the other, and more than a letter or two."""
    return min(len(name), len(other)) > 2 and (name in other or other in name)


def _length(name: str) -> tuple[int, str]:
    return len(name), name
