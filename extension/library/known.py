"""What is known of every file, held in little memory: one record for a path, nothing said twice.

Measured at 50,000 files by tests/benchmarks/library.py.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .hashes import Hashes
from .lora_file import LoraFile, Summary, summary_from_json
from .sidecar_records import SidecarSummary, brief_from_json
from .store import Identity, Store
from .walk import Stat

DIGITS = 64  # of a SHA-256


@dataclass(slots=True)
class Record:
    """Each fact with the state of the file, or of what stands beside it, in which it was true."""

    stat: Stat | None = None
    summary: Summary | None = None
    hash_stat: Stat | None = None
    hashes: bytes = b""  # two or three SHA-256 in one
    beside: Stat | None = None
    brief: SidecarSummary | None = None


class KnownFacts:
    """Summaries, hashes and sidecar summaries by path. With a store, those of earlier sessions."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._loaded: dict[str, Record] | None = None
        self._lock = threading.Lock()

    def summary(self, entry: LoraFile) -> Summary | None:
        """The summary if the file was looked at as it is."""
        record = self._records.get(entry.folder.prefix + entry.file)
        if record is None or (record.stat is not entry.stat and record.stat != entry.stat):
            return None
        record.stat = entry.stat  # equal; one object less
        return record.summary

    def keep_summary(self, entry: LoraFile, summary: Summary) -> None:
        """From now on."""
        record = self._record(entry.identity[0])
        record.stat, record.summary = entry.stat, summary

    def hashes(self, entry: LoraFile) -> Hashes | None:
        """The hashes if they were computed of the file as it is."""
        record = self._records.get(entry.folder.prefix + entry.file)
        if record is None or record.hash_stat is None:
            return None
        if record.hash_stat is not entry.stat and record.hash_stat != entry.stat:
            return None
        record.hash_stat = entry.stat
        return _unpacked(record.hashes)

    def keep_hashes(self, entry: LoraFile, hashes: Hashes) -> None:
        """From now on."""
        record = self._record(entry.identity[0])
        record.hash_stat, record.hashes = (
            entry.stat,
            _packed(hashes.tensors, hashes.file, hashes.legacy),
        )

    def with_hash(self, hash: str) -> set[tuple[int, int]]:
        """Size and mtime of every file, here or gone, that is known to have it."""
        return {
            (record.hash_stat.size, record.hash_stat.mtime_ns)
            for record in list(self._records.values())
            if record.hash_stat and _unpacked(record.hashes).match(hash)
        }

    def brief(self, identity: Identity) -> SidecarSummary | None:
        """The sidecars' summary if they were read as they are (found_by.sidecar_identity)."""
        record = self._records.get(identity[0])
        if record is None or record.beside is None:
            return None
        same = (record.beside.size, record.beside.mtime_ns) == identity[1:]
        return record.brief if same else None

    def keep_brief(self, identity: Identity, brief: SidecarSummary) -> None:
        """From now on; `identity` is that of the sidecars."""
        record = self._record(identity[0])
        record.beside, record.brief = Stat(*identity[1:]), brief

    def forget(self) -> None:
        """All of it, to be asked of the store again."""
        self._loaded = None

    @property
    def _records(self) -> dict[str, Record]:
        found = self._loaded
        if found is not None:
            return found
        with self._lock:
            if self._loaded is None:
                with no_collection():
                    self._loaded = self._read()
            return self._loaded

    def _record(self, path: str) -> Record:
        return self._records.setdefault(path, Record())

    def _read(self) -> dict[str, Record]:
        """A row that says something else is learned again."""
        found: dict[str, Record] = {}
        takers: dict[str, Callable[[Record, Stat, Any], None]] = {
            "summary": _take_summary,
            "hashes": _take_hashes,
            "brief": _take_brief,
        }
        for kind, take in takers.items() if self._store else ():
            assert self._store is not None
            for (path, size, mtime), value in self._store.load(kind):
                record = found.get(path)
                if record is None:
                    record = found[path] = Record()
                try:
                    take(record, Stat(size, mtime), value)
                except (TypeError, KeyError, AttributeError, ValueError):
                    continue
        return found


def _take_summary(record: Record, stat: Stat, value: Any) -> None:
    record.summary, record.stat = summary_from_json(value), stat


def _take_hashes(record: Record, stat: Stat, value: Any) -> None:
    tensors, file, legacy = value
    record.hashes = _packed(tensors, file, legacy)
    record.hash_stat = record.stat if record.stat == stat else stat


def _take_brief(record: Record, stat: Stat, value: Any) -> None:
    record.brief, record.beside = brief_from_json(value), stat


def _packed(tensors: str, file: str, legacy: str) -> bytes:
    """Half the digits' size and one object; ValueError where they are no hashes."""
    if not len(tensors) == len(file) == DIGITS or len(legacy) not in (0, DIGITS):
        raise ValueError("these are no SHA-256")
    return bytes.fromhex(tensors + file + legacy)


def _unpacked(packed: bytes) -> Hashes:
    digits = packed.hex()
    return Hashes(digits[:DIGITS], digits[DIGITS : 2 * DIGITS], digits[2 * DIGITS :])


@contextmanager
def no_collection() -> Iterator[None]:
    """While many objects are made that all stay: looking for garbage among them took a third of
    the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
