"""Textual inversions: words that stand for vectors, found by the token ids of their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from ..records import Component


@dataclass(frozen=True, slots=True, eq=False)
class WordVectors:
    """One textual inversion. `parts`: (count, width) for each text encoder it is for."""

    name: str
    parts: Mapping[Component, Tensor]
    source: str = ""  # where it comes from: a file, or the LoRA it is bundled in

    @property
    def count(self) -> int:
        """Tokens that it takes."""
        return max((len(part) for part in self.parts.values()), default=1)

    def of(self, component: Component) -> Tensor:
        """Its vectors for this encoder."""
        return self.parts[component]

    @property
    def widths(self) -> tuple[int, ...]:
        """Of its vectors, encoder by encoder."""
        return tuple(int(part.shape[-1]) for part in self.parts.values())


class Vocabulary:
    """Embeddings by the ids of their names; of those that fit, the longest name counts.

    `used` are those that were found in a text.
    """

    def __init__(
        self,
        tokenize: Callable[[list[str]], Sequence[Sequence[int]]],
        known: Iterable[WordVectors] = (),
    ) -> None:
        self.used: dict[str, WordVectors] = {}
        self._names: dict[int, list[tuple[list[int], WordVectors]]] = {}
        named: dict[str, WordVectors] = {}
        for one in known:
            named.setdefault(one.name, one)
        words = sorted(named.values(), key=lambda one: one.name.lower())
        ids_of = tokenize([one.name for one in words]) if words else ()
        for word, ids in zip(words, map(list, ids_of), strict=True):
            if ids:
                self._names.setdefault(ids[0], []).append((ids, word))
        for found in self._names.values():
            found.sort(key=lambda pair: len(pair[0]), reverse=True)

    def find(self, ids: Sequence[int], at: int) -> tuple[WordVectors, int] | None:
        """The embedding whose name stands there, and how many ids it has."""
        for name, word in self._names.get(ids[at], ()):
            if list(ids[at : at + len(name)]) == name:
                self.used[word.name] = word
                return word, len(name)
        return None
