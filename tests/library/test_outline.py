"""The first look at a file: what it finds, and which faults it tells."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from live_lora.errors import FileError
from live_lora.library import header, outline

from .files import raw

ENTRY = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}
SOUND = {"__metadata__": {"a": "b", "c": '\u540d\\"'}, "k": ENTRY}
OTHERS = {
    "no metadata": {"k": ENTRY},
    "metadata last": {"k": ENTRY, "__metadata__": {"a": "b"}},
    "metadata that look like tensors": {
        "__metadata__": {"x": '"data_offsets":[0,99]', "y": "}"},
        "k": ENTRY,
    },
    "the last tensor first": {
        "z": {**ENTRY, "data_offsets": [4, 8]},
        "a" * 400: ENTRY,
    },
}


@pytest.mark.parametrize("content", [SOUND, *OTHERS.values()], ids=["sound", *OTHERS])
def test_it_is_what_the_header_says(tmp_path: Path, content: dict[str, object]) -> None:
    path = raw(tmp_path / "x.safetensors", content, bytes(8 if "z" in content else 4))
    found = outline.read(path)
    assert found.metadata == header.read(path).metadata
    assert b'"k"' in found.tensors or b'"z"' in found.tensors
    if "metadata that" not in path.name and next(iter(content)) == "__metadata__":
        assert b"__metadata__" not in found.tensors


FAULTS = {
    "cut": (SOUND, b"abc", "cut short"),
    "too long": (SOUND, b"abcde", "belong to no tensor"),
    "no tensors but data": ({}, b"abc", "belong to no tensor"),
    "metadata that are no text": ({"__metadata__": {"a": 1}, "k": ENTRY}, b"abcd", "not text"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_is_not_whole_is_refused(tmp_path: Path, case: str) -> None:
    content, data, reason = FAULTS[case]
    with pytest.raises(FileError, match=reason) as first:
        outline.read(raw(tmp_path / "x.safetensors", content, data))
    with pytest.raises(FileError) as second:
        header.read(tmp_path / "x.safetensors")
    assert first.value.code == second.value.code == "damaged"


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"PK\x03\x04", struct.pack("<Q", 1 << 40), b"\x03" + bytes(7) + b"[1]"],
)
def test_what_is_no_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(FileError):
        outline.read(tmp_path / "x.safetensors")


def test_metadata_of_fifty_megabytes_do_no_harm(tmp_path: Path) -> None:
    tags = json.dumps({"set": {"tag" * 10_000: 1}}) * 1600
    found = outline.read(
        raw(tmp_path / "x.safetensors", {"__metadata__": {"t": tags}, "k": ENTRY}, b"abcd")
    )
    assert len(found.metadata["t"]) > 48_000_000
    assert len(found.tensors) < 200
