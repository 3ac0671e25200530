"""How often each file was drawn with: the user's own, in a file that is never made anew.

A file is known by the hash of its tensors: it keeps its count under another name, in another
folder, and with edited metadata. Where the file cannot be read or written nothing of it is touched,
and what was counted meanwhile is written with the next picture.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .hashes import Hashes

FILE = "usage.sqlite"
WAIT = 5.0  # seconds for another program that is writing
TABLE = """CREATE TABLE IF NOT EXISTS used (
    hash TEXT PRIMARY KEY, pictures INTEGER NOT NULL, last REAL NOT NULL
) WITHOUT ROWID"""
COUNT = """INSERT INTO used VALUES (?, ?, ?) ON CONFLICT (hash) DO UPDATE SET
    pictures = pictures + excluded.pictures, last = max(last, excluded.last)"""


@dataclass(frozen=True, slots=True)
class Use:
    """In how many pictures a file acted; `last` in seconds since 1970."""

    pictures: int
    last: float


class Usage:
    """Counts by hash, in a folder of the user's data. Threads and several programs may share it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.problem: str | None = None
        self._known: dict[str, Use] | None = None
        self._told: dict[str, Use] = {}
        self._unwritten: Counter[str] = Counter()
        self._seen: object = None  # the file's time and size when it was read
        self._lock = threading.Lock()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was counted yet."""
        if self._known is None:
            self._refresh()
        return not self._known

    def of(self, hashes: Hashes | None) -> Use | None:
        """What is known of a file with these hashes."""
        if self._known is None:
            self._refresh()
        return (self._known or {}).get(hashes.tensors) if hashes else None

    def count(self, hashes: Iterable[str]) -> None:
        """The files with these hashes (of tensors) were drawn with; a hash for each picture."""
        with self._lock:
            self._unwritten.update(hashes)
            if self._unwritten:
                self._do(self._write, makes=True)

    def look(self) -> set[str]:
        """Which hashes were counted since it was asked before, here or by another program."""
        self._refresh()
        with self._lock:
            before, self._told = self._told, self._known or {}
            return {hash for hash, use in self._told.items() if before.get(hash) != use}

    def _refresh(self) -> None:
        """Reads the file where it is another than before."""
        with self._lock:
            seen = self._stamp()
            if self._known is None or seen != self._seen:
                self._known = self._known or {}
                self._do(self._read, makes=False)
                self._seen = seen

    def _write(self, database: sqlite3.Connection) -> None:
        now = time.time()
        rows = [(hash, pictures, now) for hash, pictures in self._unwritten.items()]
        with database:
            database.execute(TABLE)
            database.executemany(COUNT, rows)
        self._unwritten.clear()
        self._read(database)

    def _read(self, database: sqlite3.Connection) -> None:
        if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'used'").fetchone():
            rows = database.execute("SELECT hash, pictures, last FROM used").fetchall()
            self._known = {hash: Use(int(pictures), float(last)) for hash, pictures, last in rows}

    def _do(self, work: Callable[[sqlite3.Connection], None], *, makes: bool) -> None:
        """What goes wrong is noted in `problem`, not raised: the picture is there."""
        try:
            if makes:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            elif not self.path.exists():
                return
            with contextlib.closing(sqlite3.connect(self.path, timeout=WAIT)) as database:
                work(database)
            self.problem = None
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            self.problem = (
                f"{self.path.name} cannot be used: {why}; how often files were used is not "
                "counted: repair it, or put it away"
            )

    def _stamp(self) -> object:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size
