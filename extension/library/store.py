"""An SQLite file that keeps what was computed of the library, so that the next start is fast.

Everything in it can be computed again: a damaged file is replaced, and where none can be written
the library works without. Measured for 10,000 files: tests/benchmarks/library.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

VERSION = 3  # raise it when what is kept changes its meaning, or bases are guessed otherwise
BATCH = 200  # rows written at once
WAIT = 2.0  # seconds for another program that is writing
Identity = tuple[str, int, int]  # path, size, mtime in ns
StoredRow = tuple[Any, ...]
Work = Callable[[sqlite3.Connection], list[StoredRow]]

TABLE = f"""
DROP TABLE IF EXISTS facts;
CREATE TABLE facts (
    kind TEXT, path BLOB, size INTEGER, mtime INTEGER, value TEXT, PRIMARY KEY (kind, path)
) WITHOUT ROWID;
PRAGMA user_version = {VERSION};
"""
TABLES = "SELECT 1 FROM sqlite_master WHERE name = 'facts'"


class Store:
    """Values by kind and file. Threads may share it, and several programs the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = None
        self._lock = threading.RLock()
        self._waiting: list[StoredRow] = []

    def load(self, kind: str) -> Iterator[tuple[Identity, Any]]:
        """All values of a kind, as JSON gives them."""
        query = "SELECT path, size, mtime, value FROM facts WHERE kind = ?"
        for path, size, mtime, value in self._run(lambda db: db.execute(query, (kind,)).fetchall()):
            with contextlib.suppress(ValueError, TypeError):  # a damaged row: it is learned again
                yield (os.fsdecode(path), size, mtime), json.loads(value)

    def put(self, kind: str, identity: Identity, value: object) -> None:
        """Keeps a value (anything that JSON can hold); in memory until the next `flush`."""
        path, size, mtime = identity
        with self._lock:
            self._waiting.append((kind, os.fsencode(path), size, mtime, json.dumps(value)))
        if len(self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Writes what is waiting."""
        with self._lock:
            rows, self._waiting = self._waiting, []
            if rows:
                insert = "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?)"
                self._run(lambda db: db.executemany(insert, rows).fetchall())

    def _run(self, work: Work) -> list[StoredRow]:
        """One transaction; what goes wrong is noted in `problem`, not raised."""
        with self._lock:
            try:
                rows = self._repaired(work)
                self.problem = None
                return rows
            except (sqlite3.Error, OSError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                self.problem = f"{self.path.name} cannot be used: {why}; starts will be slow"
                return []

    def _repaired(self, work: Work) -> list[StoredRow]:
        """As `_attempt`, on a new file in place of a damaged one."""
        try:
            return self._attempt(work)
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # locked, read-only, disk full, …
                raise
            self.path.unlink(missing_ok=True)
            return self._attempt(work)

    def _attempt(self, work: Work) -> list[StoredRow]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self.path, timeout=WAIT)) as database, database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version != VERSION or not database.execute(TABLES).fetchall():
                database.executescript(TABLE)
            return work(database)
