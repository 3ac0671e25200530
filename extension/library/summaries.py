"""What is known of the files so far: read when first asked for, kept while a file is the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple
from functools import lru_cache
from pathlib import Path

from ..errors import FileError
from . import header as headers
from . import sidecar as sidecars
from .found_by import said_of, sidecar_identity, stamp_of
from .hashes import Hashes, hash_file
from .header import Header
from .known import KnownFacts
from .looks import Glance, Guess, Looks, alias_of
from .lora_file import LoraFile, Summary
from .sidecar import Sidecar, SidecarSummary
from .store import Identity, Store
from .usage import Usage, Use

HEADERS_KEPT = 8  # an SDXL header is about 1 MB as objects
METADATA_KEPT = 64
PASSING = ("gone", "unreadable", "changed")  # errors that may end without a change of the file
NOTHING_BESIDE = SidecarSummary()


class Summaries:
    """Headers, summaries, hashes and sidecar summaries for one catalog. Threads may share it.

    With a store, what was computed in earlier sessions is known from the start. With `glance`, a
    summary needs only a look at the file's outline; `guess`, which takes the whole header, is then
    left to `check`. `learned` is told the id of each file of which more is known than before.
    """

    def __init__(
        self,
        guess: Guess | None = None,
        store: Store | None = None,
        folders: Sequence[Path] = (),
        glance: Glance | None = None,
        learned: Callable[[str], None] = lambda id: None,
        usage: Usage | None = None,
    ) -> None:
        self._usage = usage
        self._folders = folders
        self._looks = Looks(guess, glance, self._note_texts)
        self._learned = learned
        self._store = store
        self._known = KnownFacts(store)
        self._headers = lru_cache(HEADERS_KEPT)(_read)
        self._aliases: dict[Identity, str | None] = {}
        self._metadata = lru_cache(METADATA_KEPT)(_read_metadata)

    def header(self, entry: LoraFile) -> Header:
        """The checked header; FileError."""
        if entry.is_pickle:
            raise FileError("pickle", entry.path, "a pickle has no header")
        return self._headers(entry.identity)

    def metadata(self, entry: LoraFile) -> Mapping[str, str]:
        """The file's metadata; FileError."""
        return {} if entry.is_pickle else self._metadata(entry.identity)

    def alias(self, entry: LoraFile) -> str | None:
        """The alias; costs only the metadata, since names are looked up while a user waits."""
        summary = self.known_summary(entry)
        if summary is not None:
            return summary.alias
        if entry.identity not in self._aliases:
            try:
                self._aliases[entry.identity] = alias_of(self.metadata(entry))
            except FileError:
                self._aliases[entry.identity] = None
        return self._aliases[entry.identity]

    def summary(self, entry: LoraFile) -> Summary:
        """Alias and base model; looks at the file the first time."""
        known = self.known_summary(entry)
        return known or self._learn(entry, self._looks.first(entry))

    def check(self, entry: LoraFile) -> Summary:
        """The summary by the whole header, every key matched: some 20 ms where it is not known."""
        known = self.known_summary(entry)
        if known is not None and known.checked:
            return known
        return self._learn(entry, self._looks.second(entry, known))

    def known_summary(self, entry: LoraFile) -> Summary | None:
        """The summary if the file was looked at before."""
        return self._known.summary(entry)

    def hashes(self, entry: LoraFile, stopped: Callable[[], bool] = lambda: False) -> Hashes:
        """The hashes; computes them the first time. FileError."""
        known = self.known_hashes(entry)
        if known is not None:
            return known
        hashes = hash_file(entry.path, stopped)
        if hashes is None or not entry.is_current():
            raise FileError("changed", entry.path, "it changed while it was read: refresh the list")
        self._known.keep_hashes(entry, hashes)
        self._keep("hashes", entry.identity, astuple(hashes))
        self._learned(entry.id)
        return hashes

    def known_hashes(self, entry: LoraFile) -> Hashes | None:
        """The hashes if they were computed before."""
        return self._known.hashes(entry)

    def use(self, entry: LoraFile) -> Use | None:
        """How often it was drawn with, as far as that is counted and its hash known."""
        counted = self._usage and not self._usage.is_empty
        return self._usage.of(self.known_hashes(entry)) if self._usage and counted else None

    def with_hash(self, hash: str) -> set[tuple[int, int]]:
        """Size and mtime of every file, here or gone, that is known to have or have had it."""
        return self._known.with_hash(hash)

    def sidecar(self, entry: LoraFile) -> Sidecar:
        """What is written beside the file, as it is now."""
        return sidecars.read(entry.path, self._folders)

    def sidecar_summary(self, entry: LoraFile) -> SidecarSummary:
        """What a list shows of the sidecars; read again where the scan saw them changed."""
        known = self.known_sidecar_summary(entry)
        identity = sidecar_identity(entry)
        if known is None and identity is not None:
            sidecar = self.sidecar(entry)
            known = sidecars.summary_of(sidecar)
            self._known.keep_brief(identity, known)
            self._keep("brief", identity, asdict(known))
            self._note_texts(entry, said_of(sidecar, known))
            self._learned(entry.id)
        return known or NOTHING_BESIDE

    def known_sidecar_summary(self, entry: LoraFile) -> SidecarSummary | None:
        """The same if it was read before; empty where there are no sidecars."""
        identity = sidecar_identity(entry)
        return self._known.brief(identity) if identity else NOTHING_BESIDE

    def search(self, text: str) -> list[tuple[str, str]]:
        """Path and stamp of the files that have every word of `text` (texts.py), the best first."""
        return self._store.search(text) if self._store else []

    def forget_words(self, entry: LoraFile) -> None:
        """Where nothing stands beside a file any more, nothing of it is found, either."""
        if sidecar_identity(entry) is None and self.known_summary(entry):
            self._note_texts(entry, dict.fromkeys(("tags", "words", "notes"), ""))

    def forget(self) -> None:
        """All that the store had: it was damaged, and is filled again by looking at the files."""
        self._known.forget()

    def flush(self) -> None:
        """Writes to the store what was learned."""
        if self._store:
            self._store.flush()

    def _learn(self, entry: LoraFile, summary: Summary) -> Summary:
        self._known.keep_summary(entry, summary)
        if summary.code not in PASSING:
            self._keep("summary", entry.identity, asdict(summary))
            said = {"name": entry.relative, "alias": summary.alias or "", "base": summary.base}
            self._note_texts(entry, said)
        self._learned(entry.id)
        return summary

    def _note_texts(self, entry: LoraFile, columns: Mapping[str, str]) -> None:
        if self._store:
            self._store.put_texts(entry.identity[0], stamp_of(entry), columns)

    def _keep(self, kind: str, identity: Identity, value: object) -> None:
        if self._store:
            self._store.put(kind, identity, value)


def _read(identity: Identity) -> Header:
    return headers.read(identity[0])


def _read_metadata(identity: Identity) -> dict[str, str]:
    return headers.read_metadata(identity[0])
