"""Sidecars of other programs: what is read of each, and what is written into them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from live_lora.library import sidecar
from live_lora.library.sidecar import Sidecar

VERSION = {
    "id": 11,
    "modelId": 7,
    "name": "v2",
    "baseModel": "SDXL 1.0",
    "trainedWords": ["red dress, gold trim", "hat"],
    "nsfwLevel": 5,
}
MODEL = {
    "id": 7,
    "name": "Dress",
    "description": "of the site",
    "tags": ["woman", "Clothing"],
    "creator": {"username": "ann"},
    "allowNoCredit": False,
    "allowCommercialUse": ["None"],
    "modelVersions": [VERSION],
}
FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "Civitai Helper": (".civitai.info", {**VERSION, "model": {**MODEL, "modelVersions": None}}),
    "SD.Next": (".json", MODEL),
    "LoRA Manager": (
        ".metadata.json",
        {
            "model_name": "Dress",
            "civitai": VERSION,
            "tags": MODEL["tags"],
            "modelDescription": "of the site",
            "favorite": True,
            "notes": "wear it",
            "usage_tips": json.dumps({"strength": 0.7, "strength_min": 0.4, "strength_max": "1.1"}),
        },
    ),
    "StabilityMatrix": (
        ".cm-info.json",
        {
            "ModelId": 7,
            "VersionId": 11,
            "ModelName": "Dress",
            "ModelDescription": "of the site",
            "Tags": MODEL["tags"],
            "TrainedWords": VERSION["trainedWords"],
        },
    ),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dress.safetensors"


def put(path: Path, suffix: str, content: object) -> Path:
    file = path.with_name(path.stem + suffix)
    file.write_text(json.dumps(content))
    return file


@pytest.mark.parametrize("program", FILES)
def test_every_programs_file_is_read(path: Path, program: str) -> None:
    put(path, *FILES[program])
    found = sidecar.read(path)
    assert found.trigger_words == ("red dress, gold trim", "hat")
    assert found.kind == "clothing"
    assert found.description == "of the site"
    assert (found.civitai["model"], found.civitai["model_id"]) == ("Dress", 7)
    assert (found.civitai["version_id"], found.problems) == (11, ())


def test_what_only_some_programs_know(path: Path) -> None:
    for file in FILES.values():
        put(path, *file)
    found = sidecar.read(path)
    assert (found.favourite, found.notes, found.preferred_weight) == (True, "wear it", 0.7)
    assert (found.range, found.nsfw) == ((0.4, 1.1), "R")
    assert found.civitai["creator"] == "ann"
    assert found.civitai["licence"] == "no commercial use, name the author"


def test_the_users_words_come_before_the_sites(path: Path) -> None:
    put(path, *FILES["LoRA Manager"])
    own = {"kind": "style", "favourite": False, "rating": 4, "range": [0, 2]}
    put(path, ".json", {"notes": "mine", "preferred weight": 1.2, "live lora": own})
    found = sidecar.read(path)
    assert (found.kind, found.favourite, found.rating, found.range) == ("style", False, 4, (0, 2))
    assert (found.notes, found.preferred_weight) == ("mine", 1.2)


NONSENSE: list[Any] = [None, 5, "x", [], [1], {}, {"a": []}, [{"a": 1}], True, 1e999]


@pytest.mark.parametrize("program", FILES)
@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_nonsense_in_every_field_is_survived(path: Path, program: str, nonsense: object) -> None:
    suffix, content = FILES[program]
    put(path, suffix, dict.fromkeys(content, nonsense) | {"live lora": nonsense})
    found = sidecar.read(path)
    assert isinstance(found, Sidecar)
    json.dumps(found.civitai)
    sidecar.summary_of(found)


def test_writing_keeps_sd_nexts_own_keys(path: Path) -> None:
    file = put(path, *FILES["SD.Next"])
    changes = {"description": "mine", "notes": "n", "favourite": True, "range": (0.5, 1.5)}
    sidecar.write(path, changes)
    written = json.loads(file.read_text())
    assert {key: written[key] for key in MODEL} == MODEL
    assert written["notes"] == "n"
    assert written["live lora"] == {"description": "mine", "favourite": True, "range": [0.5, 1.5]}
    assert sidecar.read(path).description == "mine"


def test_what_the_webui_has_no_word_for_stands_under_our_key(path: Path) -> None:
    file = put(path, ".json", {"description": "d", "live lora": {"later": 1}})
    sidecar.write(path, {"kind": "tool", "rating": 3})
    sidecar.write(path, {"rating": 0, "description": "e"})
    assert json.loads(file.read_text()) == {
        "description": "e",
        "live lora": {"later": 1, "kind": "tool"},
    }
