"""Two programs that write one index at once; one that is damaged; folders that nobody may write."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from live_lora.library.catalog import Catalog
from live_lora.library.store import BATCH, Store

from .files import lora

TESTS = str(Path(__file__).resolve().parent.parent)
ROWS = 300
PROGRAM = """
import sys, time
sys.path.insert(0, {tests!r})
import conftest
from pathlib import Path
from live_lora.library.store import Store
store = Store(Path({file!r}))
for n in range({rows}):
    path = "/Lora/" + {name!r} + str(n)
    store.put("summary", (path, n, n), {{"base": {name!r}}})
    store.put_texts(path, "stamp", {{"notes": {name!r} + " word" + str(n)}})
    store.flush()
for _ in range(50):
    if store.problem is None:
        break
    time.sleep(0.1)
    store.put("summary", (path, n, n), {{"base": {name!r}}})
    store.flush()
print(store.problem)
"""


def test_two_programs_write_at_once_and_a_third_reads(tmp_path: Path) -> None:
    """Everything of both is there, and nobody was told of an error that lasts."""
    file = tmp_path / "library.sqlite"
    programs = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                PROGRAM.format(tests=TESTS, file=str(file), name=name, rows=ROWS),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    reader = Store(file)
    while any(program.poll() is None for program in programs):
        found = dict(reader.load("summary"))
        assert reader.problem is None
        assert all(value["base"] in path[0] for path, value in found.items())
    assert [program.communicate()[0].strip() for program in programs] == ["None", "None"]
    found = dict(reader.load("summary"))
    assert len(found) == 2 * ROWS
    for name in ("one", "two"):
        assert len(reader.search(f"note:{name}")) == ROWS


def test_what_could_not_be_written_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program holds the file for longer than anybody waits."""
    monkeypatch.setattr("live_lora.library.store.WAIT", 0.05)
    store = Store(tmp_path / "library.sqlite")
    store.put("summary", ("a", 1, 1), {"base": "SD1"})
    store.flush()
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    store.put("summary", ("b", 1, 1), {"base": "SD2"})
    store.put_texts("b", "s", {"notes": "waits"})
    store.flush()
    store.put_texts("b", "s", {"words": "longer"})
    store.flush()
    assert store.problem
    assert "locked" in store.problem
    other.execute("ROLLBACK")
    other.close()
    store.flush()
    assert store.problem is None
    assert len(dict(store.load("summary"))) == 2
    assert store.search("note:waits word:longer") == [("b", "s")]


def test_a_file_that_cannot_be_written_is_not_tried_at_each_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A try can take seconds, and what waits takes memory."""
    tries = 0

    def connect(*_: object, **__: object) -> None:
        nonlocal tries
        tries += 1
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr("live_lora.library.store.sqlite3.connect", connect)
    monkeypatch.setattr("live_lora.library.store.MOST_WAITING", 1000)
    store = Store(tmp_path / "library.sqlite")
    for n in range(3000):
        store.put("summary", (str(n), n, n), {})
    assert tries == 3000 / BATCH
    assert len(store._waiting) <= 1000


def test_an_index_that_is_damaged_while_it_is_used_is_made_anew(tmp_path: Path) -> None:
    for name in ("a", "b"):
        lora(tmp_path / "Lora" / f"{name}.safetensors", alias=f"the {name}")
    catalog = Catalog([tmp_path / "Lora"], cache=tmp_path / "cache")
    catalog.read_all()
    file = tmp_path / "cache" / "library.sqlite"
    assert [one.name for one in catalog.search("alias:the")] != []
    size = file.stat().st_size
    file.write_bytes(os.urandom(size))
    catalog.search("a")  # notices
    catalog.read_all()
    assert {one.name for one in catalog.search("alias:the")} == {"a", "b"}
    assert catalog.problems == ()
    again = Catalog([tmp_path / "Lora"], cache=tmp_path / "cache")
    assert again.read_count == 2


def test_two_catalogs_of_one_index_in_threads(tmp_path: Path) -> None:
    for n in range(40):
        lora(tmp_path / "Lora" / f"{n}.safetensors", alias=f"alias {n}")
    every = [Catalog([tmp_path / "Lora"], cache=tmp_path / "cache") for _ in range(3)]
    threads = [threading.Thread(target=one.read_all) for one in every]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for catalog in every:
        assert catalog.problems == ()
        assert len(catalog.search("alias:alias")) == 40


def test_without_a_place_to_write_all_is_read_and_nothing_touched(tmp_path: Path) -> None:
    """A library on a medium that can only be read, and no cache."""
    root = tmp_path / "Lora"
    lora(root / "sub/a.safetensors", alias="studio").with_suffix(".json").write_text("{}")
    (tmp_path / "cache").write_text("a file where the folder should be")

    def state() -> list[tuple[str, int]]:
        return sorted((str(path), path.stat().st_mtime_ns) for path in root.rglob("*"))

    before = state()
    catalog = Catalog([root], cache=tmp_path / "cache", data=tmp_path / "cache" / "data")
    catalog.read_all()
    assert catalog.find("studio").name == "a"
    catalog.drawn(catalog.entries)
    assert sum("cannot be used" in problem for problem in catalog.problems) == 2
    assert state() == before
