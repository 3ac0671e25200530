"""What files are found by, with FTS5 and without: every field, and only as the files are now."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from live_lora.library import texts
from live_lora.library.catalog import Catalog

from .files import lora

NOTES = {
    "activation text": "red dress",
    "notes": "Good for Übungen at 50% <lora:x:1>",
    "description": "<p>a quiet<br>harbour</p>",
}
TAGS = {"ss_tag_frequency": json.dumps({"set": {"long hair": 9, "blue sky": 3}})}


@pytest.fixture(params=[texts.MODULE, "no_such_thing"])
def catalog(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Catalog:
    monkeypatch.setattr(texts, "MODULE", request.param)
    root = tmp_path / "Lora"
    lora(root / "sub" / "ink_wash.safetensors", alias="Tusche", **TAGS)
    lora(root / "neon.safetensors", data=b"123")
    (root / "neon.json").write_text(json.dumps(NOTES), "utf-8")
    (root / "neon.civitai.info").write_text('{"trainedWords": ["glow"], "tags": ["city"]}')
    catalog = Catalog([root], cache=tmp_path / "cache")
    catalog.read_all()
    return catalog


def found(catalog: Catalog, text: str) -> list[str]:
    return sorted(entry.name for entry in catalog.search(text))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ink", ["ink_wash"]),
        ("name:wash", ["ink_wash"]),
        ("alias:tusche", ["ink_wash"]),
        ("training:hair", ["ink_wash"]),
        ('training:"blue sky"', ["ink_wash"]),
        ("note:hair", []),
        ("note:good", ["neon"]),
        ("harbour", ["neon"]),
        ("harb", ["neon"]),
        ("word:glow tag:city dress", ["neon"]),
        ("glow hair", []),
        ("base:unknown", ["ink_wash", "neon"]),
        ("is:favourite glow", ["neon"]),
        ("", []),
        ("is:favourite", []),
        ("note:", []),
        ('"', []),
        ("NOT AND OR ( * ^ : \" ' -- ; DROP TABLE texts", []),
        ("50% glow", ["neon"]),
        ("\ud800", []),
    ],
)
def test_every_field_is_found(catalog: Catalog, text: str, names: list[str]) -> None:
    assert found(catalog, text) == names


def test_accents_are_no_matter(catalog: Catalog, request: pytest.FixtureRequest) -> None:
    plain = "no_such_thing" in request.node.name
    assert found(catalog, "ubungen") == ([] if plain else ["neon"])


def test_what_was_changed_is_found_as_it_is_now(catalog: Catalog) -> None:
    root = catalog.folders[0]
    (root / "neon.json").write_text('{"notes": "another thing altogether"}')
    catalog.scan()
    assert found(catalog, "harbour") == []
    catalog.read_all()
    assert found(catalog, "altogether") == ["neon"]
    assert found(catalog, "glow") == ["neon"]
    for suffix in (".json", ".civitai.info"):
        (root / f"neon{suffix}").unlink()
    catalog.scan()
    assert found(catalog, "altogether") == found(catalog, "glow") == []
    assert found(catalog, "neon") == ["neon"]
    (root / "neon.safetensors").unlink()
    catalog.scan()
    assert found(catalog, "neon") == []


def test_the_next_start_and_other_programs_find_it_too(catalog: Catalog) -> None:
    catalog.facts.flush()
    other = Catalog(catalog.folders, cache=catalog.cache)
    assert other.unread == ()
    assert found(other, "harbour") == ["neon"]


def test_a_damaged_index_is_filled_again(catalog: Catalog) -> None:
    assert catalog.cache is not None
    path = catalog.cache / "library.sqlite"
    catalog.facts.flush()
    path.write_bytes(b"no database" * 1000)
    assert found(catalog, "harbour") == []
    assert catalog.news.is_set()
    assert len(catalog.unread) == 2
    catalog.read_all()
    assert found(catalog, "harbour") == ["neon"]
    assert [entry.name for entry in catalog.entries if entry.alias] == ["ink_wash"]


def test_nothing_that_a_user_said_is_lost_with_it(catalog: Catalog) -> None:
    assert catalog.cache is not None
    before = {entry.name: entry.sidecar for entry in catalog.entries}
    catalog.facts.flush()
    (catalog.cache / "library.sqlite").unlink()
    again = Catalog(catalog.folders, cache=catalog.cache)
    assert {entry.name: entry.sidecar for entry in again.entries} == before


def test_a_table_that_is_gone_is_made_again(catalog: Catalog) -> None:
    assert catalog.cache is not None
    catalog.facts.flush()
    with closing(sqlite3.connect(catalog.cache / "library.sqlite")) as database, database:
        database.execute("DROP TABLE texts")
    again = Catalog(catalog.folders, cache=catalog.cache)
    assert len(again.unread) == 2
    again.read_all()
    assert found(again, "harbour") == ["neon"]
