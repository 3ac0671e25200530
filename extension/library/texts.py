"""What can be searched of all files, also what no list shows: notes and tags of the training.

One table of the library's SQLite file (store.py), made with FTS5 where this Python's SQLite has it:
words are found by their beginnings, without regard to case and accents. Elsewhere the table is a
plain one, looked through as a whole: 50,000 files in some tenths of a second.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

COLUMNS = ("name", "alias", "base", "tags", "words", "notes", "training")
FIELDS = {  # as people write them: `note:landscape`
    **{column: column for column in COLUMNS},
    "tag": "tags",
    "word": "words",
    "note": "notes",
}
MODULE = "fts5"
ELSEWHERE = ("is", "kind", "folder", "type")  # fields that only the page knows
MOST_FOUND = 5000
MOST_TERMS = 20
LONGEST = 10_000  # characters of one column
TERM = re.compile(r'(?:([^\W\d_]+):)?(?:"([^"]*)"?|(\S*))')
WORD = re.compile(r"[^\W_]+")
OPTIONS = """tokenize = "unicode61 remove_diacritics 2", prefix = '2 3'"""
Texts = Mapping[str, str]  # column -> text


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """Words that follow one another, in one column or ("") in any."""

    column: str
    words: tuple[str, ...]


def create(database: sqlite3.Connection) -> None:
    """The table, anew."""
    columns = ", ".join(COLUMNS)
    database.execute("DROP TABLE IF EXISTS texts")
    try:
        database.execute(
            f"CREATE VIRTUAL TABLE texts USING {MODULE}"
            f"(path UNINDEXED, stamp UNINDEXED, {columns}, {OPTIONS})"
        )
    except sqlite3.OperationalError as error:
        if "no such module" not in str(error):
            raise
        database.execute(f"CREATE TABLE texts (rowid INTEGER PRIMARY KEY, path, stamp, {columns})")


def write(database: sqlite3.Connection, path: str, stamp: str, texts: Texts) -> None:
    """Sets these columns of a file's row; the others stay as they are."""
    row = _rowid(path)
    found = database.execute(
        f"SELECT {', '.join(COLUMNS)} FROM texts WHERE rowid = ?", (row,)
    ).fetchone()
    kept = dict(zip(COLUMNS, found, strict=True)) if found else {}
    new = [texts.get(column, kept.get(column, ""))[:LONGEST] for column in COLUMNS]
    marks = ", ".join("?" * (len(COLUMNS) + 3))
    database.execute(
        f"INSERT OR REPLACE INTO texts (rowid, path, stamp, {', '.join(COLUMNS)}) VALUES ({marks})",
        (row, os.fsencode(path), stamp, *map(_encodable, new)),
    )


def find(database: sqlite3.Connection, text: str) -> list[tuple[str, str]]:
    """Path and stamp of the files that have every term of `text`, the best first."""
    terms = list(terms_of(text))
    if not terms:
        return []
    (made,) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'texts'").fetchone()
    query = _full_text(terms) if "VIRTUAL" in made else _plain(terms)
    return [(os.fsdecode(path), stamp) for path, stamp in database.execute(*query)]


def terms_of(text: str) -> Iterator[SearchTerm]:
    """What was typed, as the page reads it (static/query.mjs), without what only the page knows."""
    found = (match for match in TERM.finditer(text) if match[0])
    for match, _ in zip(found, range(MOST_TERMS), strict=False):
        field, quoted, bare = match.groups()
        if field in ELSEWHERE:
            continue
        column = FIELDS.get(field or "", "")
        said = quoted if quoted is not None else bare if column or not field else match[0]
        if words := tuple(WORD.findall(said)):
            yield SearchTerm(column, words)


def _full_text(terms: Iterable[SearchTerm]) -> tuple[str, tuple[str | int, ...]]:
    parts = [
        (f"{term.column} : " if term.column else "") + f'"{" ".join(term.words)}" *'
        for term in terms
    ]
    query = "SELECT path, stamp FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT ?"
    return query, (" AND ".join(parts), MOST_FOUND)


def _plain(terms: Iterable[SearchTerm]) -> tuple[str, tuple[str | int, ...]]:
    """Every word somewhere in its column; `LIKE` knows no word's beginning."""
    conditions, values = [], list[str | int]()
    for term in terms:
        columns = (term.column,) if term.column else COLUMNS
        for word in term.words:
            conditions.append("(" + " OR ".join(f"{column} LIKE ?" for column in columns) + ")")
            values += [f"%{word}%"] * len(columns)
    where = " AND ".join(conditions)
    return f"SELECT path, stamp FROM texts WHERE {where} LIMIT ?", (*values, MOST_FOUND)


def _rowid(path: str) -> int:
    """FTS5 finds a row by its number alone: 63 bits of a hash, as good as unique."""
    digest = hashlib.blake2b(os.fsencode(path), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _encodable(text: str) -> str:
    """Without halves of surrogate pairs, which no database takes."""
    return text.encode("utf-8", "replace").decode()
