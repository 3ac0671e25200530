"""How often files were drawn with: counted for good, by what they are and not by their names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from live_lora.library.catalog import Catalog
from live_lora.library.lora_file import LoraFile
from live_lora.library.usage import FILE, Usage

from .files import lora

TESTS = str(Path(__file__).resolve().parent.parent)


def opened(folder: Path) -> Catalog:
    return Catalog([folder / "Lora"], data=folder / "data", cache=folder / "cache")


def pictures(entry: LoraFile) -> int:
    use = entry.facts.use(entry)
    return use.pictures if use else 0


def test_each_picture_counts(tmp_path: Path) -> None:
    for name in ("a", "b"):
        lora(tmp_path / "Lora" / f"{name}.safetensors", data=name.encode() * 8)
    catalog = opened(tmp_path)
    a, b = catalog.entries
    catalog.drawn([a, a, b])
    catalog.drawn([a])
    assert (pictures(a), pictures(b)) == (3, 1)
    use = a.facts.use(a)
    assert use
    assert use.last > a.mtime - 5


def test_a_file_keeps_its_count_under_another_name_and_after_a_restart(tmp_path: Path) -> None:
    path = lora(tmp_path / "Lora" / "old.safetensors")
    first = opened(tmp_path)
    first.drawn(first.entries)
    first.facts.flush()
    lora(path, note="edited metadata")
    (tmp_path / "Lora" / "sub").mkdir()
    path.rename(tmp_path / "Lora" / "sub" / "new.safetensors")
    (moved,) = opened(tmp_path).entries
    assert pictures(moved) == 0  # before its hash is known
    assert moved.hash
    assert pictures(moved) == 1


def test_a_count_is_a_change_and_so_is_that_of_another_program(tmp_path: Path) -> None:
    lora(tmp_path / "Lora" / "a.safetensors")
    here, there = opened(tmp_path), opened(tmp_path)
    (entry,) = here.entries
    assert entry.hash
    before = here.changes.number
    here.drawn([entry])
    assert here.changes.since(before) == [entry.id]
    before = here.changes.number
    there.drawn(there.entries)
    here.scan()
    assert here.changes.since(before) == [entry.id]
    assert pictures(entry) == 2


def test_without_a_folder_nothing_is_counted(tmp_path: Path) -> None:
    lora(tmp_path / "a.safetensors")
    catalog = Catalog([tmp_path])
    catalog.drawn(catalog.entries)
    assert pictures(catalog.entries[0]) == 0


def test_a_file_that_went_meanwhile_costs_nothing(tmp_path: Path) -> None:
    path = lora(tmp_path / "Lora" / "a.safetensors")
    catalog = opened(tmp_path)
    (entry,) = catalog.entries
    path.unlink()
    catalog.drawn([entry])
    assert catalog.usage
    assert catalog.usage.problem is None


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
import conftest
from pathlib import Path
from live_lora.library.usage import Usage
for _ in range(50):
    Usage(Path({folder!r})).count(["one", "one", "two"])
"""


def test_programs_that_count_at_once_lose_nothing(tmp_path: Path) -> None:
    program = PROGRAM.format(tests=TESTS, folder=str(tmp_path))
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    assert [one.wait() for one in running] == [0, 0]
    usage = Usage(tmp_path)
    usage.look()
    assert {hash: use.pictures for hash, use in (usage._known or {}).items()} == {
        "one": 200,
        "two": 100,
    }


def test_what_cannot_be_read_is_left_for_somebody_to_repair(tmp_path: Path) -> None:
    """It says so, and what is counted meanwhile is written once it can be."""
    lora(tmp_path / "Lora" / "a.safetensors")
    catalog, file = opened(tmp_path), tmp_path / "data" / FILE
    file.parent.mkdir()
    file.write_bytes(b"no database" * 100)
    (entry,) = catalog.entries
    catalog.drawn([entry])
    assert file.read_bytes() == b"no database" * 100
    assert any("usage.sqlite cannot be used" in problem for problem in catalog.problems)
    assert pictures(entry) == 0
    file.unlink()
    catalog.drawn([entry])
    assert pictures(entry) == 2
    assert catalog.problems == ()


@pytest.mark.parametrize("value", ["NULL", "'many'"])
def test_rows_that_hold_something_else_are_no_error(tmp_path: Path, value: str) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("CREATE TABLE used (hash, pictures, last)")
        database.execute(f"INSERT INTO used VALUES ('x', {value}, 1)")
    usage = Usage(tmp_path)
    usage.look()
    assert usage.problem
