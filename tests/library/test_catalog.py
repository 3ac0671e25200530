"""Names to files: which rule finds which file, and what is said when none does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from live_lora.errors import AmbiguousName, FileError, UnknownName
from live_lora.library.catalog import Catalog

from .files import lora

FILES = {  # file -> alias
    "ghibli.safetensors": None,
    "style/ghibli_v2.safetensors": "studio ghibli",
    "style/deep/Line Art.safetensors": "lineart",
    "a/twin.safetensors": None,
    "b/twin.safetensors": None,
    "both.safetensors": None,
    "sub/both.safetensors": None,
    "v1.5.safetensors": None,
    "epochs/e1.safetensors": "many",
    "epochs/e2.safetensors": "many",
    "Case.safetensors": None,
    "case/CASE.SafeTensors": None,
    "a b, c (d) [e]_-.safetensors": None,
    "名前.safetensors": None,
    "e\u0301te.safetensors": None,  # decomposed, as macOS writes names
    'x "y" <b>z<b>\n&.safetensors': None,
    "n" * 240 + ".safetensors": None,
    "ghibli.png": None,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, alias in FILES.items():
        lora(tmp_path / "Lora" / name, alias=alias)
    return tmp_path / "Lora"


FOUND = {
    "ghibli": "ghibli.safetensors",
    "ghibli.safetensors": "ghibli.safetensors",
    "ghibli_v2": "style/ghibli_v2.safetensors",
    "style/ghibli_v2": "style/ghibli_v2.safetensors",
    "style/ghibli_v2.safetensors": "style/ghibli_v2.safetensors",
    "ghibli_v2.safetensors": "style/ghibli_v2.safetensors",
    "studio ghibli": "style/ghibli_v2.safetensors",
    "Studio Ghibli": "style/ghibli_v2.safetensors",
    "GHIBLI": "ghibli.safetensors",
    "Style\\Ghibli_V2": "style/ghibli_v2.safetensors",
    "style\\deep\\Line Art": "style/deep/Line Art.safetensors",
    "line art": "style/deep/Line Art.safetensors",
    "lineart": "style/deep/Line Art.safetensors",
    "LINEART": "style/deep/Line Art.safetensors",
    "a/twin": "a/twin.safetensors",
    "B\\TWIN": "b/twin.safetensors",
    "sub/both": "sub/both.safetensors",
    "both.safetensors": "both.safetensors",
    "v1.5": "v1.5.safetensors",
    "Case": "Case.safetensors",
    "CASE": "case/CASE.SafeTensors",
    "Lora/ghibli": "ghibli.safetensors",
    "a b, c (d) [e]_-": "a b, c (d) [e]_-.safetensors",
    "名前": "名前.safetensors",
    "\u00e9te": "e\u0301te.safetensors",
    'x "y" <b>z<b>\n&': 'x "y" <b>z<b>\n&.safetensors',
    "n" * 240: "n" * 240 + ".safetensors",
}


@pytest.mark.parametrize("name", FOUND)
def test_a_name_finds_its_file(root: Path, name: str) -> None:
    assert Catalog([root]).find(name).relative == FOUND[name]


AMBIGUOUS = {
    "twin": ("a/twin", "b/twin"),
    "twin.safetensors": ("a/twin", "b/twin"),
    "TWIN": ("a/twin", "b/twin"),
    "both": ("both.safetensors", "sub/both"),
    "many": ("e1", "e2"),
    "cAsE": ("Case", "CASE"),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_an_ambiguous_name_lists_names_that_are_not(root: Path, name: str) -> None:
    catalog = Catalog([root])
    with pytest.raises(AmbiguousName) as error:
        catalog.find(name)
    assert error.value.candidates == AMBIGUOUS[name]
    found = {catalog.find(candidate).relative for candidate in error.value.candidates}
    assert len(found) == 2


def test_every_entry_is_found_by_its_own_name_and_id(root: Path) -> None:
    catalog = Catalog([root])
    assert len(catalog.entries) == len(FILES) - 1
    for entry in catalog.entries:
        assert catalog.find(entry.name) is entry
        assert catalog.by_id(entry.id) is entry
        assert len(entry.id) == 16
    assert catalog.by_id("0" * 16) is None


NEAREST = {
    "gibli": ["ghibli"],
    "ghibly_v2": ["ghibli_v2", "ghibli"],
    "style/gibli_v2": ["ghibli_v2"],
    "linart": ["lineart", "Line Art"],
    "art": ["lineart", "Line Art"],
    "zzzz": [],
    "": [],
}


@pytest.mark.parametrize("name", NEAREST)
def test_an_unknown_name_gets_the_nearest(root: Path, name: str) -> None:
    with pytest.raises(UnknownName) as error:
        Catalog([root]).find(name)
    assert list(error.value.nearest)[: len(NEAREST[name])] == NEAREST[name]
    assert NEAREST[name] or not error.value.nearest


def test_a_file_added_after_the_scan_is_found(root: Path) -> None:
    catalog = Catalog([root])
    assert catalog.entries
    lora(root / "new/later.safetensors")
    assert catalog.find("later").relative == "new/later.safetensors"
    with pytest.raises(UnknownName):
        catalog.find("even later")
    lora(root / "even later.safetensors")
    assert catalog.find("even later").relative == "even later.safetensors"


def test_misses_do_not_scan_an_unchanged_library_each_time(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (root, *filter(Path.is_dir, root.rglob("*"))):
        os.utime(folder, (1, 1))
    catalog = Catalog([root])
    first = catalog.snapshot
    with pytest.raises(UnknownName):
        catalog.find("nothing")
    assert catalog.snapshot is first
    monkeypatch.setattr("live_lora.library.catalog.STALE", 0.0)
    with pytest.raises(UnknownName):
        catalog.find("nothing")
    assert catalog.snapshot is not first


def test_a_file_retrained_or_removed_after_the_scan_is_noticed(root: Path) -> None:
    catalog = Catalog([root])
    before = catalog.find("ghibli")
    lora(root / "ghibli.safetensors", alias="second version")
    after = catalog.find("ghibli")
    assert before.identity != after.identity
    assert (before.id, after.alias) == (after.id, "second version")
    after.path.unlink()
    with pytest.raises(UnknownName, match="has been removed"):
        catalog.find("ghibli")
    with pytest.raises(FileError, match="the file is gone"):
        assert after.header


def test_what_cannot_be_read_is_reported(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = os.scandir

    def refuse(path: Path) -> object:
        if path.name == "style":
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", refuse)
    catalog = Catalog([root, tmp_path / "missing"])
    assert catalog.problems == (
        "folder 'style' cannot be read: Permission denied",
        "folder 'missing' cannot be read: No such file or directory",
    )
    assert catalog.find("ghibli").relative == "ghibli.safetensors"


def test_no_files_at_all_says_where_they_belong(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="there are no LoRA files in 'Lora'"):
        Catalog([tmp_path / "Lora"]).find("x")
    with pytest.raises(UnknownName, match="in any folder"):
        Catalog([]).find("x")


def test_a_name_is_looked_up_without_guessing_bases(tmp_path: Path) -> None:
    lora(tmp_path / "x.safetensors", alias="by alias")
    (tmp_path / "y.safetensors").write_text("<html>")
    catalog = Catalog([tmp_path], guess=lambda path, _: pytest.fail(f"{path} was read"))
    assert catalog.find("by alias").name == "x"
    with pytest.raises(UnknownName):
        catalog.find("nothing")
    assert len(catalog.unread) == 2


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".ckpt"])
def test_a_pickle_of_that_name_is_said_where_pickles_are_off(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"x{suffix}").touch()
    with pytest.raises(UnknownName, match=rf"x\{suffix} is there: pickles .* allow_pickle=True"):
        Catalog([tmp_path]).find("x")
    for name in ("y", "../x\0", "z" * 5000):
        with pytest.raises(UnknownName) as raised:
            Catalog([tmp_path]).find(name)
        assert "pickles" not in str(raised.value)
