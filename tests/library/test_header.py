"""The header reader: what safetensors accepts passes, everything else says why."""

from __future__ import annotations

import contextlib
import json
import os
import struct
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_lora.errors import FileError
from live_lora.library import header, rules
from safetensors import SafetensorError, safe_open

# what older releases, such as the webui's 0.4.2, do not know and we read all the same
NEWER = {"C64", "F4", "F6_E2M3", "F6_E3M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"}
OLD_PEER = version("safetensors").startswith("0.4.")
TENSOR = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
EIGHT = bytes(8)


def write(path: Path, content: object, data: bytes = EIGHT) -> Path:
    """A file with this header (JSON, or bytes as they are) and these tensor bytes."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)
    return path


def peer_accepts(path: Path) -> bool:
    try:
        with safe_open(path, "np"):
            return True
    except SafetensorError:
        return False


def we_accept(path: Path) -> bool:
    try:
        header.read(path)
    except FileError:
        return False
    return True


def described(**changes: Any) -> dict[str, Any]:
    return {"a": {**TENSOR, **changes}}


SOUND: dict[str, tuple[Any, bytes]] = {
    "one tensor": (described(), EIGHT),
    "no tensors": ({}, b""),
    "metadata null": ({"__metadata__": None, **described()}, EIGHT),
    "metadata": ({"__metadata__": {"ss_output_name": "x"}, **described()}, EIGHT),
    "scalar": (described(shape=[], data_offsets=[0, 4]), bytes(4)),
    "2^62 rows of nothing": (described(shape=[1 << 62, 0], data_offsets=[0, 0]), b""),
    "65 dimensions": (described(shape=[1] * 64 + [2]), EIGHT),
    "extra fields": (described(note=[[{"deep": 1}]]), EIGHT),
    "spaces around": (b"\n\t " + json.dumps(described()).encode() + b"  \r\n", EIGHT),
    "same key twice": (b'{"a":%s,"a":%s}' % ((json.dumps(TENSOR).encode(),) * 2), EIGHT),
    "metadata key twice": (
        b'{"__metadata__":{"a":"b","a":"c"},"a":%s}' % json.dumps(TENSOR).encode(),
        EIGHT,
    ),
    "empty, long, odd keys": (
        {
            "": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
            "../\x00é\U0001f98a" + "k" * 5000: {
                "dtype": "U8",
                "shape": [4],
                "data_offsets": [4, 8],
            },
        },
        EIGHT,
    ),
    **{
        f"dtype {name}": (described(dtype=name, shape=[8], data_offsets=[0, bits]), bytes(bits))
        for name, bits in rules.BITS.items()
    },
}

UNSOUND: dict[str, tuple[Any, bytes, str]] = {
    "cut short": (described(), bytes(5), "cut short: its header describes .* bytes, .* are there"),
    "longer": (described(), bytes(9), "1 bytes at its end"),
    "list": (b"[]", b"", "not a JSON object"),
    "spaces only": (b"   ", b"", "not valid JSON"),
    "no JSON": (b"{nothing}", b"", "not valid JSON"),
    "trailing": (b"{} x", b"", "not valid JSON"),
    "not UTF-8": (b'{"\xff":1}', b"", "not valid JSON"),
    "half a surrogate": (b'{"__metadata__":{"a":"\\ud800"}}', b"", "not valid JSON"),
    "control character": (b'{"__metadata__":{"a":"\x01"}}', b"", "not valid JSON"),
    "NaN": (b'{"a":{"dtype":NaN}}', b"", "NaN is not a JSON value"),
    "5000 brackets": (b"[" * 5000 + b"]" * 5000, b"", "not valid JSON|not a JSON object"),
    "number in metadata": ({"__metadata__": {"a": 1}}, b"", "not text"),
    "metadata list": ({"__metadata__": ["a"]}, b"", "not text"),
    "no object": ({"a": 1}, b"", "not described by a JSON object"),
    "unknown dtype": (described(dtype="F33"), EIGHT, "unknown dtype 'F33'"),
    "dtype missing": ({"a": {"shape": [2], "data_offsets": [0, 8]}}, EIGHT, "unknown dtype None"),
    "negative": (described(shape=[-2]), EIGHT, "shape and data_offsets"),
    "float": (described(shape=[2.0]), EIGHT, "shape and data_offsets"),
    "true": (described(shape=[True, 2]), EIGHT, "shape and data_offsets"),
    "text shape": (described(shape="2"), EIGHT, "shape and data_offsets"),
    "three offsets": (described(data_offsets=[0, 8, 8]), EIGHT, "shape and data_offsets"),
    "backwards": (described(data_offsets=[8, 0]), EIGHT, "does not take -8 bytes"),
    "too large": (described(shape=[1 << 63, 1 << 63, 0]), EIGHT, "too large"),
    "half a byte": (described(dtype="F4", shape=[3]), EIGHT, "whole byte"),
    "wrong size": (described(shape=[3]), EIGHT, "F32 of shape"),
    "overlap": ({"a": TENSOR, "b": {**TENSOR, "data_offsets": [4, 12]}}, bytes(12), "overlaps"),
    "shared": ({"a": TENSOR, "b": TENSOR}, EIGHT, "overlaps"),
    "hole": (described(data_offsets=[4, 12]), bytes(12), "4 bytes before tensor 'a'"),
}

# Safetensors refuses these; here the last value counts, and what is not asked for is not looked at.
TAKEN: dict[str, tuple[Any, bytes]] = {
    "field twice": (
        b'{"a":{"dtype":"F16","dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        EIGHT,
    ),
    "two metadata": (
        b'{"__metadata__":{"a":"b"},"__metadata__":{},"a":%s}' % json.dumps(TENSOR).encode(),
        EIGHT,
    ),
    "nesting of 128": (described(note=json.loads("[" * 126 + "]" * 126)), EIGHT),
}

LOOKALIKES = {
    "empty": (b"", "empty: the download did not finish"),
    "page": (b"<!DOCTYPE html><html>...", "web page .* again while logged in"),
    "indented page": (b"\n\n  <HTML lang=en>", "web page"),
    "pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 151111711\n",
        "git-LFS pointer to 151,111,711 bytes, not the file: run `git lfs pull`",
    ),
    "reply": (b'{"error":"Unauthorized","message":"You must log in"}', r"\(You must log in\)"),
    "odd reply": (b'{"error" and then nothing', "message from a web site:"),
    "zip": (b"PK\x03\x04" + bytes(40), "zip archive"),
    "pickle": (b"\x80\x02}q\x00X\x05\x00\x00\x00", "a pickle"),
    "zeros": (bytes(4096), "did not finish"),
    "short": (b"abc", "3 bytes, too few"),
    "noise": (b"\xfe" * 64, "not a safetensors file"),
    "101 MB of JSON": (struct.pack("<Q", 100_000_001) + bytes(64), "not a safetensors file"),
    "header cut": (struct.pack("<Q", 4096) + b'{"a":' + bytes(64), "its header alone needs"),
}


@pytest.mark.parametrize("case", SOUND)
def test_a_sound_file_is_read(tmp_path: Path, case: str) -> None:
    path = write(tmp_path / "x.safetensors", *SOUND[case])
    found = header.read(path)
    if OLD_PEER and case.removeprefix("dtype ") in NEWER:
        return
    with safe_open(path, "np") as peer:
        assert set(found.tensors) == set(peer.keys())
        assert dict(found.metadata) == (peer.metadata() or {})
    assert found.data_start + max([t.end for t in found.tensors.values()], default=0) == (
        path.stat().st_size
    )
    assert header.read_metadata(path) == found.metadata


@pytest.mark.parametrize("case", UNSOUND)
def test_an_unsound_file_says_why(tmp_path: Path, case: str) -> None:
    content, data, why = UNSOUND[case]
    path = write(tmp_path / "x.safetensors", content, data)
    assert not peer_accepts(path)
    with pytest.raises(FileError, match=f"^x.safetensors: .*({why})"):
        header.read(path)


@pytest.mark.parametrize("case", TAKEN)
def test_what_no_writer_does_is_read_in_one_way(tmp_path: Path, case: str) -> None:
    path = write(tmp_path / "x.safetensors", *TAKEN[case])
    assert not peer_accepts(path)
    found = header.read(path)
    assert found.tensors == {"a": rules.TensorInfo("F32", (2,), 0, 8)}
    assert not found.metadata


@pytest.mark.parametrize("read", [header.read, header.read_metadata])
def test_half_a_character_is_refused_wherever_it_stands(tmp_path: Path, read: Any) -> None:
    """It would come as far as the page and the database, and fail there."""
    content = b'{"__metadata__":{"ss_output_name":"\\ud800"},"a":%s}' % json.dumps(TENSOR).encode()
    with pytest.raises(FileError, match="surrogates not allowed"):
        read(write(tmp_path / "x.safetensors", content))


@pytest.mark.parametrize("case", LOOKALIKES)
@pytest.mark.parametrize("read", [header.read, header.read_metadata])
def test_something_else_named_safetensors_is_called_what_it_is(
    tmp_path: Path, case: str, read: Any
) -> None:
    content, why = LOOKALIKES[case]
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(FileError, match=why):
        read(path)


@pytest.mark.parametrize("length", [640, 8827, 35615])
def test_a_header_whose_length_looks_like_a_pickle_or_json_is_read(
    tmp_path: Path, length: int
) -> None:
    path = write(tmp_path / "x.safetensors", json.dumps(described()).encode().ljust(length))
    assert path.read_bytes()[:2] in (b"\x80\x02", b'{"', b"\x1f\x8b")
    assert list(header.read(path).tensors) == ["a"]


def test_metadata_longer_than_the_first_read(tmp_path: Path) -> None:
    metadata = {"ss_tag_frequency": "é" * header.FIRST_READ, "ss_output_name": "x"}
    path = write(tmp_path / "x.safetensors", {"__metadata__": metadata, **described()})
    assert header.read_metadata(path) == metadata


def test_metadata_of_a_file_cut_short_can_still_be_shown(tmp_path: Path) -> None:
    path = write(tmp_path / "x.safetensors", {"__metadata__": {"a": "b"}, **described()}, b"")
    assert header.read_metadata(path) == {"a": "b"}


def test_what_cannot_be_opened_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="the file is gone: it was removed or renamed"):
        header.read(tmp_path / "x.safetensors")
    with pytest.raises(FileError, match="not a regular file"):
        header.read(tmp_path)
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(FileError, match="not a regular file"):
        header.read(tmp_path / "pipe.safetensors")
    with pytest.raises(FileError, match="null"):
        header.read(tmp_path / "a\0b")


WHOLE = struct.pack("<Q", 128) + json.dumps(
    {"__metadata__": {"a": "b"}, "a": TENSOR, "b": {**TENSOR, "data_offsets": [8, 16]}}
).encode().ljust(128)
FUZZ = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(at=st.integers(0, len(WHOLE) + 15), flip=st.integers(1, 255), cut=st.integers(0, 160))
def test_flipped_and_cut_files_are_judged_as_safetensors_does(
    tmp_path: Path, at: int, flip: int, cut: int
) -> None:
    damaged = bytearray(WHOLE + bytes(16))
    damaged[at] ^= flip
    path = tmp_path / "x.safetensors"
    path.write_bytes(bytes(damaged[: len(damaged) - cut if cut < 16 else None]))
    assert we_accept(path) == peer_accepts(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 1 << 65) | st.sampled_from(["F32", "F4", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "F32" if OLD_PEER else "F4", "X"]) | JSON,
        "shape": st.lists(st.integers(0, 4), max_size=3) | JSON,
        "data_offsets": st.lists(st.integers(0, 16), min_size=2, max_size=2) | JSON,
    },
    optional={"more": JSON},
)
HEADERS = st.dictionaries(
    st.sampled_from(["a", "b", "__metadata__"]), FIELDS | JSON | st.just(TENSOR), max_size=3
)


@FUZZ
@given(content=HEADERS, size=st.integers(0, 16))
def test_made_up_headers_are_judged_as_safetensors_does(
    tmp_path: Path, content: dict[str, Any], size: int
) -> None:
    path = write(tmp_path / "x.safetensors", content, bytes(size))
    if not any(isinstance(value, list) for value in content.values()):  # serde takes ["F32", …]
        assert we_accept(path) == peer_accepts(path)


@FUZZ
@given(content=st.binary(max_size=64))
def test_any_bytes_give_a_file_error_or_a_header(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    for read in (header.read, header.read_metadata):
        with contextlib.suppress(FileError):
            read(path)
