"""Whatever files there are: each has a name that finds it and nothing else.

tests/cases/names.json is the table that the page's names are held to as well: `files` with their
unique names, what `find` gives for a name, and the `nearest` names of one that leads nowhere.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_lora.library.lora_file import LoraFile, file_id
from live_lora.library.names import Names, fold, unique_names
from live_lora.library.summaries import Summaries
from live_lora.library.walk import Folder, Stat


class NoFiles(Summaries):
    """Knows aliases without any file."""

    def __init__(self, aliases: dict[str, str]) -> None:
        super().__init__()
        self._by_path = aliases

    def alias(self, entry: LoraFile) -> str | None:
        return self._by_path.get(entry.relative)


def index(
    places: list[tuple[str, str]], aliases: dict[str, str] | None = None
) -> tuple[list[LoraFile], Names]:
    """Entries and their index for files (path, label of the library folder) that do not exist."""
    facts, folder = NoFiles(aliases or {}), Folder(Path("/"), "", 0, {})
    entries = [
        LoraFile(file_id(label + path), name, path, Stat(0, 0), folder, facts)
        for (path, label), name in zip(places, unique_names(places), strict=True)
    ]
    return entries, Names(entries, [label for _, label in places])


TABLE = Path(__file__).parents[1] / "cases" / "names.json"
GROUPS = json.loads(TABLE.read_text("utf-8"))


@pytest.mark.parametrize("group", GROUPS, ids=[group["about"] for group in GROUPS])
def test_the_table(group: dict[str, Any]) -> None:
    files = group["files"]
    aliases = {file["path"]: file["alias"] for file in files if "alias" in file}
    entries, names = index([(file["path"], file["label"]) for file in files], aliases)
    assert [entry.name for entry in entries] == [file["name"] for file in files]
    assert {name: [entry.name for entry in names.find(name)] for name in group["find"]} == group[
        "find"
    ]
    assert {name: list(names.nearest(name)) for name in group["nearest"]} == group["nearest"]


@given(st.text(max_size=8))
def test_folding_again_changes_nothing(name: str) -> None:
    assert fold(fold(name)) == fold(name)


PARTS = st.sampled_from(["a", "b", "A", "a.b", "a.safetensors", "\u00e9", "e\u0301"])
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
FILES = st.builds(
    lambda path, suffix: path + suffix, PATHS, st.sampled_from([".safetensors", ".pt"])
)
ROOTS = st.sampled_from(["Lora", "Lora-2"])


@given(places=st.lists(st.tuples(FILES, ROOTS), unique=True, max_size=12))
def test_every_file_is_found_by_its_own_name(places: list[tuple[str, str]]) -> None:
    entries, names = index(places)
    for entry in entries:
        assert list(names.find(entry.name)) == [entry]


@given(name=st.text(max_size=20))
def test_any_text_can_be_asked_for(name: str) -> None:
    entries, names = index([("sub/a.safetensors", "Lora"), ("b.pt", "Lora")])
    assert set(names.find(name)) <= set(entries)
    assert set(names.nearest(name)) <= {"a", "b"}


def test_names_are_as_short_as_they_can_be() -> None:
    places = ["a.safetensors", "x/a.safetensors", "x/b.safetensors", "x/b.pt", "y/c.d.safetensors"]
    entries, _ = index([(place, "Lora") for place in places])
    assert [entry.name for entry in entries] == [
        "a.safetensors",
        "x/a",
        "x/b.safetensors",
        "x/b.pt",
        "c.d",
    ]


def test_a_file_name_counts_before_an_alias() -> None:
    places = [("a.safetensors", "Lora"), ("B.safetensors", "Lora"), ("c.safetensors", "Lora")]
    (a, b, c), names = index(
        places, {"c.safetensors": "a", "B.safetensors": "C", "a.safetensors": "b"}
    )
    assert list(names.find("a")) == [a]
    assert list(names.find("C")) == [b]  # an exact alias before a name in another case
    assert list(names.find("b")) == [a]
    assert list(names.find("c")) == [c]


def test_the_nearest_names_are_found_among_thousands() -> None:
    places = [(f"f{n % 50}/lora number {n}.safetensors", "Lora") for n in range(3000)]
    _, names = index([*places, ("f/wateercolour.safetensors", "Lora")], {places[7][0]: "oil paint"})
    assert names.nearest("watercolor") == ("wateercolour",)
    assert names.nearest("oil_paint")[0] == "oil paint"
    assert names.nearest("lora nmber 77")[0] == "lora number 77"
    assert names.nearest("x" * 1_000_000) == ()
