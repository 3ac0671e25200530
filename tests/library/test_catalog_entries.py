"""What is in a library, of which folders, and what an entry says of its file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from live_lora.errors import AmbiguousName, FileError, NotALora
from live_lora.library.catalog import Catalog
from live_lora.library.header import Header

from .files import lora


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "Lora", tmp_path / "disk"
    lora(root / "sub/real.safetensors")
    lora(elsewhere / "far.safetensors")
    (root / "there").symlink_to(elsewhere)
    (root / "up").symlink_to(root)
    (elsewhere / "back").symlink_to(root / "sub")
    (root / "same.safetensors").symlink_to(root / "sub/real.safetensors")
    (root / "same").mkdir()
    (root / "same/same.safetensors").symlink_to(root / "sub/real.safetensors")
    (root / "broken.safetensors").symlink_to(root / "nowhere")
    catalog = Catalog([root])
    assert [entry.relative for entry in catalog.entries] == [
        "same.safetensors",
        "same/same.safetensors",
        "sub/real.safetensors",
        "there/far.safetensors",
    ]
    assert catalog.find("same").path.resolve() == root / "sub/real.safetensors"  # not ambiguous
    assert len(catalog.problems) == 1
    assert "'broken.safetensors' cannot be read" in catalog.problems[0]


def test_several_folders_are_one_library(tmp_path: Path) -> None:
    first, second = tmp_path / "one/Lora", tmp_path / "two/Lora"
    for root, data in ((first, b"1"), (second, b"22")):
        lora(root / "x.safetensors", data=data)
        lora(root / f"only{data.decode()}.safetensors", data=data)
    catalog = Catalog([first, second, first / ".."])
    assert len(catalog.entries) == 4
    assert len({entry.id for entry in catalog.entries}) == 4
    assert catalog.find("only22").path == second / "only22.safetensors"
    with pytest.raises(AmbiguousName) as error:
        catalog.find("x")
    assert error.value.candidates == ("Lora/x.safetensors", "Lora-2/x.safetensors")
    assert [catalog.find(name).size for name in error.value.candidates] == [
        entry.size for entry in catalog.entries if entry.stem == "x"
    ]


def test_pickles_are_listed_only_if_allowed(tmp_path: Path) -> None:
    for name in ("o.pth", "p.pt", "q.ckpt", "r.bin", "s.safetensors", "t.txt"):
        lora(tmp_path / name)
    assert [e.name for e in Catalog([tmp_path]).entries] == ["s"]
    allowed = Catalog([tmp_path], allow_pickle=True)
    assert [e.name for e in allowed.entries] == ["o", "p", "q", "r", "s"]
    pickle = allowed.find("p")
    assert (pickle.is_pickle, pickle.alias, pickle.base, pickle.metadata) == (
        True,
        None,
        "Unknown",
        {},
    )
    assert pickle.hash == hashlib.sha256((tmp_path / "p.pt").read_bytes()).hexdigest()
    with pytest.raises(FileError, match="no header"):
        assert pickle.header


def test_names_that_are_no_text_are_found(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \xff")
    lora(tmp_path / f"{name}.safetensors")
    entry = Catalog([tmp_path]).entries[0]
    assert entry.name == name
    assert Catalog([tmp_path]).find(name).id == entry.id


def test_hidden_files_and_folders_named_like_files_are_left_out(tmp_path: Path) -> None:
    lora(tmp_path / "._x.safetensors")
    (tmp_path / "y.safetensors").mkdir()
    lora(tmp_path / "y.safetensors/z.safetensors")
    assert [e.relative for e in Catalog([tmp_path]).entries] == ["y.safetensors/z.safetensors"]


def test_a_broken_file_is_listed_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "page.safetensors").write_text("<!DOCTYPE html>")
    entry = Catalog([tmp_path]).find("page")
    assert entry.alias is None
    assert entry.base == "Unknown"
    assert entry.error is not None
    assert "web page" in entry.error


def test_the_base_is_guessed_once_from_the_header(tmp_path: Path) -> None:
    asked: list[Header] = []

    def guess(_: Path, header: Header) -> str:
        asked.append(header)
        return header.metadata["ss_base_model_version"].upper()

    lora(tmp_path / "x.safetensors", ss_base_model_version="sdxl")
    catalog = Catalog([tmp_path], guess=guess)
    assert catalog.find("x").base == "SDXL"
    catalog.scan()
    assert catalog.find("x").base == "SDXL"
    assert len(asked) == 1


def test_a_file_that_is_no_lora_is_listed_with_what_it_is(tmp_path: Path) -> None:
    def guess(path: Path, _: Header) -> str:
        raise NotALora(path, "a checkpoint")

    lora(tmp_path / "x.safetensors", alias="y")
    entry = Catalog([tmp_path], guess=guess).find("x")
    assert (entry.alias, entry.base) == ("y", "Unknown")
    assert entry.error == "this is a checkpoint, not a LoRA for Stable Diffusion"
