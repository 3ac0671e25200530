"""Files by their hashes: under any name, told apart, and not known yet."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from live_lora.errors import ResolveError, UnknownName
from live_lora.library.catalog import Catalog

from .files import lora


def test_a_hash_finds_a_file_under_any_name(tmp_path: Path) -> None:
    for name in ("x", "y", "z"):
        lora(tmp_path / f"{name}.safetensors", data=name.encode())
    catalog = Catalog([tmp_path])
    x = catalog.find("x")
    assert x.hash == hashlib.sha256(b"x").hexdigest()
    assert x.shorthash == x.hash[:12]
    whole = hashlib.sha256(x.path.read_bytes()).hexdigest()
    for hash in (x.hash, x.hash[:8].upper(), f"0x{x.shorthash}", whole[:10]):
        assert catalog.find("x", hash=hash).id == x.id
        assert catalog.find("y", hash=hash).id == x.id
        assert catalog.find("never seen", hash=hash).id == x.id
    x.path.rename(tmp_path / "renamed.safetensors")
    assert catalog.find("x", hash=x.hash).name == "renamed"
    assert catalog.by_hash(x.shorthash) is catalog.find("renamed")
    (tmp_path / "renamed.safetensors").rename(tmp_path / "again.safetensors")
    assert catalog.find("y", hash=x.hash).name == "again"  # though there is a y


def test_a_hash_that_is_not_known_says_how_much_is(tmp_path: Path) -> None:
    for name in ("x", "y"):
        lora(tmp_path / f"{name}.safetensors", data=name.encode())
    catalog = Catalog([tmp_path])
    y = hashlib.sha256(b"y").hexdigest()
    with pytest.raises(ResolveError, match=r"another file: .* \(1 of 2 files are not hashed yet\)"):
        catalog.find("x", hash=y)
    with pytest.raises(UnknownName, match=r"hash \w+ \(1 of 2 files are not hashed yet\)"):
        catalog.find("q", hash=y)
    assert [entry.name for entry in catalog.unhashed] == ["y"]
    assert catalog.find("y").hash == y
    assert catalog.find("x", hash=y).name == "y"
    with pytest.raises(ResolveError, match=r"to use it all the same$"):
        catalog.find("x", hash="abcdef")
    for nonsense in ("", "abc", "xyzxyzxyz"):
        with pytest.raises(ResolveError, match="is not a hash"):
            catalog.find("x", hash=nonsense)


def test_a_hash_tells_files_of_one_name_apart(tmp_path: Path) -> None:
    lora(tmp_path / "a/x.safetensors", data=b"1")
    lora(tmp_path / "b/x.safetensors", data=b"2")
    lora(tmp_path / "c/x.safetensors", data=b"2")
    catalog = Catalog([tmp_path])
    assert catalog.find("x", hash=hashlib.sha256(b"1").hexdigest()).name == "a/x"
    assert catalog.find("x", hash=hashlib.sha256(b"2").hexdigest()).name in ("b/x", "c/x")
