"""Names from strangers become names of files, and of nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_lora.errors import FileError
from live_lora.library.bulk.file_names import LONGEST, demand_folder, demand_stem, free, safe_stem

SAFE = {
    "ghibli_v2": "ghibli_v2",
    "名前 é": "名前 é",
    "../../etc/passwd": "_.._etc_passwd",
    "..\\..\\x": "_.._x",
    "C:\\Windows\\x": "C__Windows_x",
    "/abs": "_abs",
    "": "lora",
    ".": "lora",
    "...": "lora",
    "///": "lora",
    "con": "_con",
    "CON.x": "_CON.x",
    "Lpt1": "_Lpt1",
    "nul .x": "_nul .x",
    "console": "console",
    "a. ": "a",
    ".hidden": "hidden",
    "a\x00b\nc": "abc",
    "a\u202egpj.exe": "agpj.exe",
    'a<b>|"?*': "a_b_____",
    "\ud800x": "x",
    "e\u0301": "é",
}


@pytest.mark.parametrize("name", SAFE)
def test_safe_stems(name: str) -> None:
    assert safe_stem(name) == SAFE[name]


@given(st.text(st.characters()))
def test_every_stem_is_a_name_in_its_folder(name: str) -> None:
    stem = safe_stem(name)
    path = Path("/lora") / f"{stem}.safetensors"
    assert path.parent == Path("/lora")
    assert len(stem.encode()) <= LONGEST + 1
    assert not stem.startswith(".")
    assert not stem.endswith((".", " "))
    assert safe_stem(stem) == stem


@pytest.mark.parametrize("name", ["", "a/b", "..", "con", "a.", " a", "x" * 300, "a\0", "a:b"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(FileError, match="no name"):
        demand_stem(name)
    assert demand_stem("a b.v2 (1)") == "a b.v2 (1)"


def test_folders() -> None:
    assert str(demand_folder("a/b c//d")) == "a/b c/d"
    assert str(demand_folder("")) == "."
    for wrong in ("..", "a/../..", "a/.hidden", "\\\\host\\x", "C:", "a/nul"):
        with pytest.raises(FileError):
            demand_folder(wrong)


def test_a_free_name(tmp_path: Path) -> None:
    path = tmp_path / "a.b.safetensors"
    assert free(path) == path
    path.write_text("")
    assert free(path).name == "a.b (2).safetensors"
    free(path).write_text("")
    assert free(path).name == "a.b (3).safetensors"
