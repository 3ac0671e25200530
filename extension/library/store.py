"""An SQLite file that keeps what was computed of the library, so that the next start is fast.

Everything in it can be computed again: a damaged file is replaced, and where none can be written
the library works without. What users say stands in files of their own, and is only found by it
(texts.py). Measured for 10,000 files: tests/benchmarks/library.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from . import texts

VERSION = 5  # raise it when what is kept changes its meaning, or bases are guessed otherwise
BATCH = 200  # rows written at once
READ = 5000  # rows read at once
MOST_WAITING = 20_000  # rows that wait for another program to end its writing
WAIT = 2.0  # seconds for another program that is writing
Identity = tuple[str, int, int]  # path, size, mtime in ns
StoredRow = tuple[Any, ...]
Work = Callable[[sqlite3.Connection], Sequence[StoredRow]]

TABLE = (
    "DROP TABLE IF EXISTS facts",
    """CREATE TABLE facts (
        kind TEXT, path BLOB, size INTEGER, mtime INTEGER, value TEXT, PRIMARY KEY (kind, path)
    ) WITHOUT ROWID""",
)
_DAMAGED = object()  # in the place of a value: it is learned again
TABLES = "SELECT count(*) FROM sqlite_master WHERE name IN ('facts', 'texts')"


class Store:
    """Values by kind and file. Threads may share it, and several programs the file.

    `lost` is called when a damaged file was replaced: all that was in it is to be learned again.
    """

    def __init__(self, path: Path, lost: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self.problem: str | None = None
        self._lost = lost
        self._lock = threading.RLock()
        self._waiting: list[StoredRow] = []
        self._texts: dict[tuple[str, str], dict[str, str]] = {}  # (path, stamp) -> columns

    def load(self, kind: str) -> Iterator[tuple[Identity, Any]]:
        """All values of a kind, as JSON gives them; a few at a time, so that they take no room."""
        query = """SELECT path, size, mtime, value FROM facts
            WHERE kind = ? AND path > ? ORDER BY path LIMIT ?"""
        last = b""
        while rows := self._run(partial(_rows, query, (kind, last, READ))):
            for (path, size, mtime, _), value in zip(rows, _values(rows), strict=True):
                if value is not _DAMAGED:
                    yield (os.fsdecode(path), size, mtime), value
            last = rows[-1][0]

    def put(self, kind: str, identity: Identity, value: object) -> None:
        """Keeps a value (anything that JSON can hold); in memory until the next `flush`."""
        path, size, mtime = identity
        with self._lock:
            self._waiting.append((kind, os.fsencode(path), size, mtime, json.dumps(value)))
            full = len(self._waiting) % BATCH == 0  # not at each one while they cannot be written
        if full:
            self.flush()

    def put_texts(self, path: str, stamp: str, columns: Mapping[str, str]) -> None:
        """What a file is found by (texts.COLUMNS); `stamp` says in which state of the file."""
        with self._lock:
            self._texts.setdefault((path, stamp), {}).update(columns)

    def search(self, text: str) -> list[tuple[str, str]]:
        """Path and stamp of the files that have every word of `text`, the best first."""
        self.flush()
        return [(path, stamp) for path, stamp in self._run(lambda db: texts.find(db, text))]

    def flush(self) -> None:
        """Writes what is waiting."""
        with self._lock:
            rows, self._waiting = self._waiting, []
            said, self._texts = self._texts, {}

        def write(database: sqlite3.Connection) -> list[StoredRow]:
            for (path, stamp), columns in said.items():
                texts.write(database, path, stamp, columns)
            insert = "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?)"
            return database.executemany(insert, rows).fetchall()

        if rows or said:
            self._run(write)
            if self.problem and len(rows) < MOST_WAITING:  # another program is writing
                self._wait_with(rows, said)

    def _wait_with(
        self, rows: list[StoredRow], said: dict[tuple[str, str], dict[str, str]]
    ) -> None:
        """Back to what waits; what came meanwhile is newer."""
        with self._lock:
            self._waiting[:0] = rows
            for key, columns in self._texts.items():
                said.setdefault(key, {}).update(columns)
            self._texts = said

    def _run(self, work: Work) -> Sequence[StoredRow]:
        """One transaction; what goes wrong is noted in `problem`, not raised."""
        with self._lock:
            rows, replaced = self._noted(work)
        if replaced:
            self._lost()  # without the lock: others may hold theirs and wait for this one
        return rows

    def _noted(self, work: Work) -> tuple[Sequence[StoredRow], bool]:
        try:
            found = self._repaired(work)
            self.problem = None
            return found
        except (sqlite3.Error, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            self.problem = f"{self.path.name} cannot be used: {why}; starts will be slow"
            return [], False

    def _repaired(self, work: Work) -> tuple[Sequence[StoredRow], bool]:
        """As `_attempt`, on a new file in place of a damaged one; whether it was replaced."""
        try:
            return self._attempt(work), False
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # locked, read-only, disk full, …
                raise
            for end in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + end).unlink(missing_ok=True)
            return self._attempt(work), True

    def _attempt(self, work: Work) -> Sequence[StoredRow]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self.path, timeout=WAIT)) as database, database:
            database.execute("PRAGMA synchronous = NORMAL")  # all of it can be computed again
            if not _is_ready(database):
                database.execute("PRAGMA journal_mode = WAL")  # readers wait for no writer
                database.execute("BEGIN IMMEDIATE")  # another program may be making them, too
                if not _is_ready(database):
                    _make(database)
            return work(database)


def _values(rows: Sequence[StoredRow]) -> list[Any]:
    """The values of rows, parsed as one text, which takes a third of the time."""
    try:
        found = json.loads(f"[{','.join(row[3] for row in rows)}]")
        if len(found) == len(rows):
            return list(found)
    except (ValueError, TypeError):
        pass
    return [_value(row[3]) for row in rows]


def _value(written: Any) -> Any:
    try:
        return json.loads(written)
    except (ValueError, TypeError):
        return _DAMAGED


def _rows(
    query: str, values: tuple[str | bytes | int, ...], database: sqlite3.Connection
) -> list[StoredRow]:
    return database.execute(query, values).fetchall()


def _is_ready(database: sqlite3.Connection) -> bool:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute(TABLES).fetchone()
    return (version, tables) == (VERSION, 2)


def _make(database: sqlite3.Connection) -> None:
    for statement in TABLE:
        database.execute(statement)
    texts.create(database)
    database.execute(f"PRAGMA user_version = {VERSION}")
