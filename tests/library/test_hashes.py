"""Hashes are those of the bytes, whatever the file says of itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from live_lora.errors import FileError
from live_lora.library.catalog import Catalog
from live_lora.library.hashes import CHUNK, Hashes, hash_file

from .files import lora

DATA = bytes(range(256)) * (2 * CHUNK // 256 + 3)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_the_tensors_and_the_whole_file_are_hashed(tmp_path: Path) -> None:
    path = lora(tmp_path / "x.safetensors", data=DATA, sshs_model_hash="e3b0c44298fc")
    whole = path.read_bytes()
    assert hash_file(path) == Hashes(sha256(DATA), sha256(whole), sha256(whole[0x100000:0x110000]))


def test_metadata_does_not_change_the_hash_of_the_tensors(tmp_path: Path) -> None:
    before = hash_file(lora(tmp_path / "x.safetensors"))
    after = hash_file(lora(tmp_path / "x.safetensors", alias="other", more="é" * 5000))
    assert before is not None
    assert after is not None
    assert before.tensors == after.tensors
    assert before.file != after.file
    assert after.legacy == ""  # a small file has no second megabyte


def test_a_pickle_is_hashed_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(b"anything")
    assert hash_file(path) == Hashes(sha256(b"anything"), sha256(b"anything"))


def test_a_broken_file_has_no_hash(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"<html>")
    with pytest.raises(FileError, match="web page"):
        hash_file(path)
    with pytest.raises(FileError, match="is gone"):
        hash_file(tmp_path / "y.pt")


def test_hashing_stops_when_told(tmp_path: Path) -> None:
    assert hash_file(lora(tmp_path / "x.safetensors", data=DATA), lambda: True) is None


def test_a_file_that_changes_while_it_is_hashed_is_refused(tmp_path: Path) -> None:
    entry = Catalog([lora(tmp_path / "x.safetensors").parent]).find("x")
    lora(entry.path, data=b"longer than before")
    with pytest.raises(FileError, match="changed while it was read"):
        assert entry.hash


KNOWN = Hashes("ab" * 32, "cd" * 32, "")
MATCHES = {
    "ab" * 32: True,
    "abababababab": True,
    "ABABAB": True,
    "0xababab": True,
    " cdcdcdcd ": True,
    "ababa": False,
    "": False,
    "bababa": False,
    "ab" * 33: False,
    "ababag": False,
}


@pytest.mark.parametrize("wanted", MATCHES)
def test_a_hash_is_known_by_its_beginning(wanted: str) -> None:
    assert KNOWN.match(wanted) is MATCHES[wanted]
