"""What is deleted is out of sight, comes back, and goes for good only when that is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_lora.errors import FileError
from live_lora.library.bulk.bin import delete, deleted, purge, restore
from live_lora.library.catalog import Catalog
from live_lora.library.walk import BIN

from library.files import lora


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "sub/b"):
        path = lora(tmp_path / "Lora" / f"{name}.safetensors", data=name.encode())
        path.with_suffix(".json").write_text(name)
    return tmp_path / "Lora"


def names(root: Path) -> list[str]:
    return [entry.name for entry in Catalog([root]).entries]


def test_deleted_files_are_no_part_of_the_library(root: Path) -> None:
    gone = delete(root / "sub/b.safetensors", root)
    assert names(root) == ["a"]
    assert not (root / "sub/b.json").exists()
    assert deleted(root) == [gone]
    assert gone.relative == "sub/b.safetensors"
    assert gone.size > 8


def test_undo(root: Path) -> None:
    gone = delete(root / "sub/b.safetensors", root)
    delete(root / "a.safetensors", root, gone.id)
    assert names(root) == []
    assert restore(root, gone.id) == ["a.safetensors", "sub/b.safetensors"]
    assert names(root) == ["a", "b"]
    assert (root / "sub/b.json").read_text() == "sub/b"
    assert deleted(root) == []
    assert not (root / BIN / gone.id).exists()


def test_undo_does_not_write_over_what_came_later(root: Path) -> None:
    gone = delete(root / "a.safetensors", root)
    lora(root / "a.safetensors", data=b"later")
    with pytest.raises(FileError, match="already"):
        restore(root, gone.id)
    assert b"later" in (root / "a.safetensors").read_bytes()
    assert deleted(root) == [gone]


def test_purge(root: Path) -> None:
    first, second = delete(root / "a.safetensors", root), delete(root / "sub/b.safetensors", root)
    purge(root, first.id)
    assert deleted(root) == [second]


@pytest.mark.parametrize("id", ["", ".", "..", "../a", ".moves", "20260101-000000-00000000", "a/b"])
def test_what_is_no_deletion(root: Path, id: str) -> None:
    delete(root / "a.safetensors", root)
    for work in (purge, restore):
        with pytest.raises(FileError, match="no such deletion"):
            work(root, id)
    assert names(root) == ["b"]
