"""What is known of the files so far: read when first asked for, kept while a file is the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from ..errors import FileError
from . import header as headers
from . import sidecar as sidecars
from .entry import Entry
from .hashes import Hashes, hash_file
from .header import Header
from .sidecar import Sidecar

Identity = tuple[str, int, int]
Guess = Callable[[Header], str]
UNKNOWN = "Unknown"
HEADERS_KEPT = 8  # an SDXL header is about 1 MB as objects
METADATA_KEPT = 64


@dataclass(frozen=True, slots=True)
class Gist:
    """The little of a file that is kept for all files at once."""

    alias: str | None = None
    base: str = UNKNOWN
    error: str | None = None


class Facts:
    """Headers, gists and hashes by file identity, for one catalog. Threads may share it."""

    def __init__(self, guess: Guess | None = None) -> None:
        self._guess = guess
        self._gists: dict[Identity, Gist] = {}
        self._hashes: dict[Identity, Hashes] = {}
        self._headers = lru_cache(HEADERS_KEPT)(_read)
        self._metadata = lru_cache(METADATA_KEPT)(_read_metadata)

    def header(self, entry: Entry) -> Header:
        """The checked header; FileError."""
        if entry.is_pickle:
            raise FileError(entry.path, "a pickle has no header")
        return self._headers(entry.identity)

    def metadata(self, entry: Entry) -> Mapping[str, str]:
        """The file's metadata; FileError."""
        return {} if entry.is_pickle else self._metadata(entry.identity)

    def gist(self, entry: Entry) -> Gist:
        """Alias and base model; reads the file the first time."""
        known = self._gists.get(entry.identity)
        if known is None:
            known = self._gists[entry.identity] = self._look(entry)
        return known

    def hashes(self, entry: Entry, stopped: Callable[[], bool] = lambda: False) -> Hashes:
        """The hashes; computes them the first time. FileError."""
        known = self.known_hashes(entry)
        if known is not None:
            return known
        hashes = hash_file(entry.path, stopped)
        if hashes is None or not entry.is_current():
            raise FileError(entry.path, "it changed while it was read: refresh the list")
        self._hashes[entry.identity] = hashes
        return hashes

    def known_hashes(self, entry: Entry) -> Hashes | None:
        """The hashes if they were computed before."""
        return self._hashes.get(entry.identity)

    def with_hash(self, hash: str) -> set[tuple[int, int]]:
        """Size and mtime of every file, here or gone, that is known to have or have had it."""
        known = list(self._hashes.items())
        return {identity[1:] for identity, hashes in known if hashes.match(hash)}

    def sidecar(self, entry: Entry) -> Sidecar:
        """What is written beside the file, as it is now."""
        return sidecars.read(entry.path)

    def _look(self, entry: Entry) -> Gist:
        try:
            metadata = self.metadata(entry)
            base = self._guess(entry.header) if self._guess and not entry.is_pickle else UNKNOWN
        except FileError as error:
            return Gist(error=error.reason)
        return Gist(metadata.get("ss_output_name", "").strip() or None, base)


def _read(identity: Identity) -> Header:
    return headers.read(identity[0])


def _read_metadata(identity: Identity) -> dict[str, str]:
    return headers.read_metadata(identity[0])
