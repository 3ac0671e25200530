"""What is kept between sessions: used again while files are the same, and never needed."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from live_lora.library import store, summaries
from live_lora.library.catalog import Catalog
from live_lora.library.header import Header
from live_lora.library.store import Store

from .files import lora

HERE = (os.fsdecode(b"/x/caf\xe9"), 5, 1_700_000_000_123_456_789)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache/library.sqlite"


def test_values_come_back(path: Path) -> None:
    first = Store(path)
    first.put("summary", HERE, {"alias": "日本\ud800"})
    first.put("hashes", HERE, ["a", "b"])
    assert not path.exists()  # written in batches
    first.flush()
    assert dict(Store(path).load("summary")) == {HERE: {"alias": "日本\ud800"}}
    assert dict(Store(path).load("hashes")) == {HERE: ["a", "b"]}
    assert dict(Store(path).load("other")) == {}


def test_a_batch_is_written_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BATCH", 2)
    kept = Store(path)
    for size in (1, 2, 3):
        kept.put("summary", (f"/{size}", size, 0), size)
    assert sorted(value for _, value in Store(path).load("summary")) == [1, 2]


def test_the_newest_value_of_a_file_counts(path: Path) -> None:
    kept = Store(path)
    for mtime in (1, 2):
        kept.put("summary", ("/x", 5, mtime), mtime)
        kept.flush()
    assert dict(kept.load("summary")) == {("/x", 5, 2): 2}


def test_a_damaged_file_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all" * 99)
    kept = Store(path)
    kept.put("summary", HERE, 1)
    kept.flush()
    assert kept.problem is None
    assert dict(Store(path).load("summary")) == {HERE: 1}


def test_another_versions_file_is_begun_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Store(path)
    old.put("summary", HERE, 1)
    old.flush()
    monkeypatch.setattr(store, "VERSION", store.VERSION + 1)
    assert dict(Store(path).load("summary")) == {}


def test_a_file_that_is_locked_or_cannot_be_made_is_done_without(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "WAIT", 0.01)
    kept = Store(path)
    kept.put("summary", HERE, 1)
    kept.flush()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    kept.put("summary", HERE, 2)
    kept.flush()
    assert kept.problem == "library.sqlite cannot be used: database is locked; starts will be slow"
    other.close()
    assert dict(kept.load("summary")) == {HERE: 1}
    assert kept.problem is None

    (tmp_path / "file").touch()
    nowhere = Store(tmp_path / "file/library.sqlite")
    assert dict(nowhere.load("summary")) == {}
    assert nowhere.problem is not None
    assert str(tmp_path) not in nowhere.problem


class Counting:
    """Guesses a base and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, _: Path, header: Header) -> str:
        self.asked += 1
        return f"base {len(header.tensors)}"


def test_a_catalog_knows_what_an_earlier_one_learned(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, guess = tmp_path / "Lora", Counting()
    for name in ("x", "y", "z"):
        lora(root / f"{name}.safetensors", alias=f"alias {name}", data=name.encode() * 9)
    (root / "x.json").write_text('{"activation text": "xx", "preferred weight": 0.5}')
    (root / "x.civitai.info").write_text('{"trainedWords": ["w"], "model": {"tags": ["t"]}}')
    (root / "broken.safetensors").write_text("<html>")
    first = Catalog([root], cache=path.parent, guess=guess)
    first.read_all()
    hashes = {entry.name: entry.hash for entry in first.entries if entry.name != "broken"}
    briefs = {entry.name: entry.sidecar_summary for entry in first.entries}
    first.facts.flush()
    assert guess.asked == 3

    lora(root / "z.safetensors", alias="new z", data=b"longer" * 9)
    hashed: list[Path] = []
    monkeypatch.setattr(summaries, "hash_file", lambda path, _: hashed.append(path))
    monkeypatch.setattr(summaries.sidecars, "read", lambda path: pytest.fail(f"{path} read again"))
    second = Catalog([root], cache=path.parent, guess=guess)
    assert [entry.name for entry in second.unread] == ["z"]
    second.read_all()
    assert guess.asked == 4
    assert [entry.alias for entry in second.entries] == [None, "alias x", "alias y", "new z"]
    assert second.find("alias x").base == "base 1"
    assert {entry.name: entry.sidecar_summary for entry in second.entries} == briefs
    for name in ("x", "y"):
        assert second.find(name).hash == hashes[name]
        assert second.by_hash(hashes[name][:8]) is second.find(name)
    assert hashed == []


def test_the_library_works_without_its_cache(tmp_path: Path) -> None:
    lora(tmp_path / "Lora/x.safetensors", alias="y")
    (tmp_path / "cache").touch()
    catalog = Catalog([tmp_path / "Lora"], cache=tmp_path / "cache")
    catalog.read_all()
    assert catalog.find("y").name == "x"
    assert len(catalog.problems) == 1
    assert "starts will be slow" in catalog.problems[0]


@pytest.mark.parametrize("value", ["{", "null", "[1]", '{"unknown": 1}', '"text"'])
@pytest.mark.parametrize("kind", ["summary", "hashes", "brief"])
def test_a_row_that_cannot_be_read_is_learned_again(
    tmp_path: Path, path: Path, kind: str, value: str
) -> None:
    lora(tmp_path / "Lora" / "a.safetensors", alias="a")
    (tmp_path / "Lora" / "a.json").write_text('{"notes": "mine"}')

    def learned() -> tuple[object, ...]:
        catalog = Catalog([tmp_path / "Lora"], cache=path.parent)
        (entry,) = catalog.entries
        found = entry.alias, entry.hash, entry.sidecar_summary
        catalog.facts.flush()
        return found

    before = learned()
    with closing(sqlite3.connect(path)) as database, database:
        assert database.execute(
            "UPDATE facts SET value = ? WHERE kind = ?", (value, kind)
        ).rowcount in (0, 1)
    assert learned() == before


def test_a_missing_table_is_made_again(path: Path) -> None:
    first = Store(path)
    first.put("x", HERE, 1)
    first.flush()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TABLE facts")
    second = Store(path)
    second.put("x", HERE, 2)
    second.flush()
    assert dict(Store(path).load("x")) == {HERE: 2}
    assert second.problem is None
