"""Many files at once: what can be done is done, of the rest it is said why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live_lora.errors import FileError
from live_lora.library.bulk.batch import (
    delete_all,
    move_all,
    purge_all,
    rename,
    restore_all,
    tag_all,
)
from live_lora.library.bulk.groups import duplicates, versions
from live_lora.library.catalog import Catalog
from live_lora.library.civitai.storing import keep

from library.files import lora


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    for name in ("a", "sub/b", "sub/c"):
        path = lora(tmp_path / "Lora" / f"{name}.safetensors", data=name.encode())
        path.with_suffix(".json").write_text(json.dumps({"notes": name}))
    lora(tmp_path / "Other/c.safetensors")
    return Catalog([tmp_path / "Lora", tmp_path / "Other"])


def places(catalog: Catalog) -> list[str]:
    return [entry.relative for entry in catalog.scan().entries]


def test_move(catalog: Catalog) -> None:
    root = catalog.folders[0]
    outcome = move_all(catalog.entries, root, "new/deep")
    assert outcome.done == ["a", "b", "sub/c"]
    assert len(outcome.problems) == 1
    assert "already" in outcome.problems[0]
    assert places(catalog) == [f"new/deep/{n}.safetensors" for n in "abc"] + ["c.safetensors"]
    assert json.loads((root / "new/deep/b.json").read_text()) == {"notes": "sub/b"}


def test_a_move_to_another_library(catalog: Catalog) -> None:
    move_all([catalog.find("b")], catalog.folders[1], "")
    assert (catalog.folders[1] / "b.json").exists()
    assert not (catalog.folders[0] / "sub/b.json").exists()


@pytest.mark.parametrize("folder", ["..", "../Other", "a/../..", ".hidden", "link"])
def test_no_way_out_of_the_library(catalog: Catalog, folder: str, tmp_path: Path) -> None:
    (catalog.folders[0] / "link").symlink_to(tmp_path)
    with pytest.raises(FileError):
        move_all(catalog.entries, catalog.folders[0], folder)
    assert len(places(catalog)) == 4


def test_rename(catalog: Catalog) -> None:
    assert rename(catalog.find("b"), "new name").done == ["b"]
    assert "sub/new name.safetensors" in places(catalog)
    assert (catalog.folders[0] / "sub/new name.json").exists()
    assert "already" in rename(catalog.find("new name"), "c").problems[0]
    with pytest.raises(FileError):
        rename(catalog.find("a"), "../x")


def test_delete_and_undo(catalog: Catalog) -> None:
    before = places(catalog)
    outcome = delete_all(catalog.entries)
    assert len(outcome.done) == 4
    assert places(catalog) == []
    assert outcome.undo is not None
    assert len(restore_all(catalog, outcome.undo).done) == 4
    assert places(catalog) == before
    with pytest.raises(FileError, match="no such deletion"):
        restore_all(catalog, outcome.undo)


def test_purge(catalog: Catalog) -> None:
    outcome = delete_all([catalog.find("a")])
    assert outcome.undo is not None
    assert purge_all(catalog, outcome.undo).done == ["a.safetensors"]
    with pytest.raises(FileError):
        restore_all(catalog, outcome.undo)


def test_tags(catalog: Catalog) -> None:
    entries = [catalog.find("a"), catalog.find("b")]
    assert tag_all(entries, [" old   film ", "style"], []).problems == []
    tag_all(entries[:1], ["Style", "x"], ["OLD film"])
    catalog.scan()
    assert catalog.find("a").sidecar_summary.tags == ("style", "x")
    assert catalog.find("b").sidecar.tags == ("old film", "style")
    content = json.loads((catalog.folders[0] / "a.json").read_text())
    assert content == {"notes": "a", "live lora": {"tags": ["style", "x"]}}


@pytest.mark.parametrize("tag", ["", " ", "x" * 101, "a\x00b"])
def test_what_is_no_tag(catalog: Catalog, tag: str) -> None:
    assert len(tag_all([catalog.find("a")], [tag], []).problems) == 1


def test_duplicates_are_files_with_the_same_tensors(tmp_path: Path) -> None:
    lora(tmp_path / "a.safetensors", data=b"same")
    lora(tmp_path / "b.safetensors", data=b"same", alias="other metadata")
    lora(tmp_path / "c.safetensors", data=b"else")
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "c.safetensors")
    catalog = Catalog([tmp_path])
    assert duplicates(catalog.entries, catalog.facts.known_hashes) == []
    found = duplicates(catalog.entries, catalog.facts.hashes)
    assert [[entry.name for entry in same] for same in found] == [["a", "b"]]


def test_versions_of_one_model(tmp_path: Path) -> None:
    for n, model in enumerate((5, 5, 6)):
        path = lora(tmp_path / f"v{n}.safetensors")
        keep(path, {"id": n + 1, "modelId": model}, [])
    lora(tmp_path / "unknown.safetensors")
    found = versions(Catalog([tmp_path]).entries)
    assert {model: [one.name for one in known] for model, known in found.items()} == {
        5: ["v1", "v0"]
    }
