"""Sets are kept as they were given, and nothing else is taken for one."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from live_lora.errors import FileError
from live_lora.library.sets.lora_set import LoraSet, SetMember, set_of, written
from live_lora.library.sets.recipes import recipe_in, recipe_of
from live_lora.library.sets.set_store import SetStore

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
INK = SetMember("ink", "ab" * 32, ((None, "0.8"), ("te", "0.5")))
ONE = LoraSet("Old film", (INK, SetMember("grain")), "film grain", "sharp", "a fox", "SDXL 1.0")
TWO = LoraSet("名前 <b>", (SetMember('q"uote', "", ((None, "0@0,1@0.5"),)),))


@pytest.fixture
def store(tmp_path: Path) -> SetStore:
    return SetStore(tmp_path / "data")


def test_a_set_comes_back_as_it_was(store: SetStore) -> None:
    ids = store.add([ONE, TWO])
    assert ids == [ONE.id, TWO.id]
    assert store.all() == [ONE, TWO]
    assert store.get(TWO.id) == TWO
    assert store.add([TWO]) == [TWO.id]
    assert len(store.all()) == 2
    assert set_of(json.loads(json.dumps(written(ONE)))) == ONE


def test_change_and_removal(store: SetStore) -> None:
    store.add([ONE, TWO])
    store.keep_picture(ONE.id, PNG)
    renamed = LoraSet("New film", ONE.members)
    id = store.replace(ONE.id, renamed)
    assert store.all() == [renamed, TWO]
    assert store.picture(id) == PNG
    store.remove(id)
    assert store.all() == [TWO]
    assert store.picture(id) is None
    for work in (store.get, store.remove):
        with pytest.raises(FileError, match="no such set"):
            work(ONE.id)


def test_export_and_import(store: SetStore, tmp_path: Path) -> None:
    store.add([ONE, TWO])
    other = SetStore(tmp_path / "other")
    other.add([TWO])
    assert other.imported(json.loads(json.dumps(store.exported()))) == [ONE.id, TWO.id]
    assert {one.id for one in other.all()} == {ONE.id, TWO.id}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sets": [1]}', '{"sets": {}}', "[" * 100_000])
def test_a_damaged_file_is_never_written_over(store: SetStore, tmp_path: Path, text: str) -> None:
    store.add([ONE])
    path = tmp_path / "data" / "sets.json"
    path.write_text(text)
    for work in (store.all, lambda: store.add([TWO]), store.exported):
        with pytest.raises(FileError, match=r"sets\.json"):
            work()
    assert path.read_text() == text


def test_threads_lose_nothing(store: SetStore) -> None:
    sets = [LoraSet(f"set {n}", (INK,)) for n in range(20)]
    threads = [threading.Thread(target=store.add, args=([one],)) for one in sets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.name for one in store.all()} == {one.name for one in sets}


def member(**fields: Any) -> dict[str, Any]:
    return {"name": "x", "loras": [{"name": "a", **fields}]}


NONE: dict[str, Any] = {
    "a list": [],
    "empty": {},
    "no name": {"name": " ", "loras": [{"name": "a"}]},
    "no LoRA": {"name": "x", "loras": []},
    "too many": {"name": "x", "loras": [{"name": "a"}] * 101},
    "a number": {"name": 7, "loras": [{"name": "a"}]},
    "a long text": {"name": "x", "loras": [{"name": "a"}], "words": "y" * 20_001},
    "a nameless LoRA": member(name=""),
    "a LoRA that is a text": {"name": "x", "loras": ["a"]},
    "an argument": member(arguments=["0.5"]),
    "an argument's name": member(arguments=[["te=1:<lora:x>", "1"]]),
    "an argument's value": member(arguments=[[None, 1]]),
    "many arguments": member(arguments=[[None, "1"]] * 51),
}


@pytest.mark.parametrize("case", NONE)
def test_what_is_no_set(store: SetStore, case: str) -> None:
    with pytest.raises(ValueError, match=r"set|argument|LoRA"):
        set_of(NONE[case])
    with pytest.raises(ValueError, match=r"set|argument|LoRA"):
        store.imported({"live lora sets": 1, "sets": [written(ONE), NONE[case]]})
    assert store.all() == []


@pytest.mark.parametrize("content", [None, [], {}, {"sets": []}, {"live lora sets": 1, "sets": 3}])
def test_what_is_no_export(store: SetStore, content: Any) -> None:
    with pytest.raises(ValueError, match="file of sets"):
        store.imported(content)


def test_what_no_screen_shows_is_left_out() -> None:
    found = set_of({"name": "a\u202eb\x00", "loras": [{"name": "x\x1b[2J", "hash": "../.."}]})
    assert (found.name, found.members[0]) == ("ab", SetMember("x[2J"))


@pytest.mark.parametrize("id", ["", "..", "../sets.json", "0" * 16, "A" * 16, "/etc/passwd"])
def test_ids_are_no_paths(store: SetStore, id: str) -> None:
    store.add([ONE])
    assert store.picture(id) is None
    with pytest.raises(FileError):
        store.keep_picture(id, PNG)


@pytest.mark.parametrize("raw", [b"", b"<svg onload=alert(1)>", b"<html>", PNG + b"x" * (16 << 20)])
def test_a_picture_is_one(store: SetStore, raw: bytes) -> None:
    store.add([ONE])
    with pytest.raises(FileError, match="not a picture"):
        store.keep_picture(ONE.id, raw)


RECIPE = {
    "id": "4a1",
    "title": "Winter",
    "base_model": "SDXL 1.0",
    "loras": [
        {"file_name": "ink", "hash": "AB" * 32, "strength": 0.75, "modelVersionId": 3},
        {"file_name": "left_out", "strength": 1, "exclude": True},
        {"file_name": "", "modelName": "Gone", "strength": -1, "isDeleted": True},
    ],
    "gen_params": {"prompt": "a fox, snow", "steps": 20},
    "fingerprint": "x",
}


def test_recipes() -> None:
    members = (
        SetMember("ink", "ab" * 32, ((None, "0.75"),)),
        SetMember("Gone", "", ((None, "-1"),)),
    )
    wanted = LoraSet("Winter", members, prompt="a fox, snow", base="SDXL 1.0")
    assert recipe_of(RECIPE) == wanted
    assert recipe_in(f"a fox\nSteps: 20\nRecipe metadata: {json.dumps(RECIPE)} more") == wanted
    assert recipe_in("a fox\nSteps: 20") is None
    assert set_of(written(wanted)) == wanted


BROKEN: list[Any] = [
    None,
    {},
    {"loras": "x"},
    {"loras": [{"strength": 1}]},
    {"loras": [{"file_name": "a", "strength": "1"}]},
    {"loras": [{"file_name": "a", "strength": float("nan")}]},
    {"loras": [{"file_name": ["<b>"], "strength": 1}]},
]


@pytest.mark.parametrize("content", BROKEN)
def test_what_is_no_recipe(content: Any) -> None:
    with pytest.raises(ValueError, match="recipe"):
        recipe_of(content)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '"x"'])
def test_a_broken_recipe_in_a_picture(text: str) -> None:
    with pytest.raises(ValueError, match=r"recipe|Expecting"):
        recipe_in(f"Recipe metadata: {text}")
