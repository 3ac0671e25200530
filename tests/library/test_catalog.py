"""Names to files: which rule finds which file, and what is said when none does."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from live_lora.errors import AmbiguousName, FileError, NotALora, ResolveError, UnknownName
from live_lora.library.catalog import Catalog
from live_lora.library.header import Header

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


def test_a_name_is_looked_up_without_guessing_bases(tmp_path: Path) -> None:
    lora(tmp_path / "x.safetensors", alias="by alias")
    (tmp_path / "y.safetensors").write_text("<html>")
    catalog = Catalog([tmp_path], guess=lambda path, _: pytest.fail(f"{path} was read"))
    assert catalog.find("by alias").name == "x"
    with pytest.raises(UnknownName):
        catalog.find("nothing")
    assert len(catalog.unread) == 2


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


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".ckpt"])
def test_a_pickle_of_that_name_is_said_where_pickles_are_off(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"x{suffix}").touch()
    with pytest.raises(UnknownName, match=rf"x\{suffix} is there: pickles .* allow_pickle=True"):
        Catalog([tmp_path]).find("x")
    for name in ("y", "../x\0", "z" * 5000):
        with pytest.raises(UnknownName) as raised:
            Catalog([tmp_path]).find(name)
        assert "pickles" not in str(raised.value)
