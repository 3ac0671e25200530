"""What stands beside a file is read as it is, and written without losing any of it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_lora.errors import FileError
from live_lora.library import sidecar
from live_lora.library.sidecar import Sidecar

OWN = {
    "description": "Ink.",
    "sd version": "SDXL",
    "activation text": "ink, line art",
    "preferred weight": 0.7,
    "negative text": "photo",
    "notes": "mine",
    "extension X": {"kept": [1, None]},
}
CIVITAI = {
    "id": 12,
    "modelId": 34,
    "name": "v2",
    "baseModel": "SDXL 1.0",
    "trainedWords": ["ink style ", "", 5, "line art"],
    "description": "<p>from the site</p>",
    "model": {"name": "Ink", "tags": ["style", "ink"], "type": "LORA"},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ink.v2.safetensors"


def beside(path: Path, suffix: str, content: object) -> Path:
    file = path.with_name("ink.v2" + suffix)
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return file


def test_nothing_beside_the_file(path: Path) -> None:
    assert sidecar.read(path) == Sidecar()


def test_a_name_so_long_that_no_sidecar_can_have_it(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 243 + ".safetensors")
    path.touch()
    assert sidecar.read(path) == Sidecar()


def test_the_webuis_and_civitais_files_are_read(path: Path) -> None:
    beside(path, ".json", OWN)
    beside(path, ".civitai.info", CIVITAI)
    assert sidecar.read(path) == Sidecar(
        description="Ink.",
        sd_version="SDXL",
        activation_text="ink, line art",
        preferred_weight=0.7,
        negative_text="photo",
        notes="mine",
        trigger_words=("ink style", "line art"),
        kind="style",
        civitai={
            "model": "Ink",
            "version": "v2",
            "base": "SDXL 1.0",
            "tags": ["style", "ink"],
            "model_id": 34,
            "version_id": 12,
        },
    )


def test_the_description_is_the_users_then_the_plain_one_then_the_sites(path: Path) -> None:
    beside(path, ".civitai.info", CIVITAI)
    assert sidecar.read(path).description == "<p>from the site</p>"
    beside(path, ".description.txt", "second\n")
    assert sidecar.read(path).description == "second"
    beside(path, ".txt", "\ufefffirst")
    assert sidecar.read(path).description == "first"
    beside(path, ".json", OWN)
    assert sidecar.read(path).description == "Ink."


WEIGHTS: list[tuple[Any, float | None]] = [
    (0.8, 0.8),
    ("-0.5", -0.5),
    (1, 1.0),
    (0, None),
    ("", None),
    (None, None),
    ("many", None),
    ([1], None),
    (float("nan"), None),
    ("inf", None),
]


@pytest.mark.parametrize(("written", "read"), WEIGHTS)
def test_a_preferred_weight_is_a_number_or_none(
    path: Path, written: object, read: float | None
) -> None:
    beside(path, ".json", {"preferred weight": written})
    assert sidecar.read(path).preferred_weight == read


BROKEN = {
    "no JSON": '{"notes": ',
    "a list": "[1]",
    "5000 brackets": "[" * 5000,
    "too large": " " * (sidecar.LARGEST + 1),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_sidecar_is_a_problem_and_is_not_overwritten(path: Path, case: str) -> None:
    file = beside(path, ".json", BROKEN[case])
    found = sidecar.read(path)
    assert found.notes == ""
    assert len(found.problems) == 1
    assert found.problems[0].startswith("ink.v2.json ")
    with pytest.raises(FileError, match="repair or remove it"):
        sidecar.write(path, {"notes": "new"})
    assert file.read_text() == BROKEN[case]


def test_fields_of_the_wrong_type_count_as_missing(path: Path) -> None:
    beside(path, ".json", {name: [1] for name in OWN})
    beside(path, ".civitai.info", {"trainedWords": "x", "model": 3, "modelId": "3", "id": True})
    assert sidecar.read(path) == Sidecar()


def test_other_encodings_are_survived(path: Path) -> None:
    path.with_name("ink.v2.json").write_bytes(b'\xef\xbb\xbf{"notes": "caf\xe9"}')
    assert sidecar.read(path).notes == "caf\ufffd"


def test_writing_keeps_what_it_does_not_change(path: Path) -> None:
    file = beside(path, ".json", OWN)
    file.chmod(0o640)
    sidecar.write(path, {"notes": "日本", "preferred_weight": None})
    written = json.loads(file.read_text("utf-8"))
    assert written == {**OWN, "notes": "日本", "preferred weight": 0}
    assert list(written) == list(OWN)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [other.name for other in path.parent.iterdir()] == ["ink.v2.json"]  # nothing left over


def test_writing_makes_the_file(path: Path) -> None:
    sidecar.write(path, {"activation_text": "ink", "preferred_weight": 0.5})
    file = path.with_name("ink.v2.json")
    assert json.loads(file.read_text()) == {"activation text": "ink", "preferred weight": 0.5}
    other = path.with_name("plain")
    other.touch()
    assert file.stat().st_mode == other.stat().st_mode


def test_writing_through_a_link_keeps_the_link(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "kept elsewhere.json"
    real.write_text("{}")
    link = path.with_name("ink.v2.json")
    link.symlink_to(real)
    sidecar.write(path, {"notes": "x"})
    assert link.is_symlink()
    assert json.loads(real.read_text()) == {"notes": "x"}


def test_a_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = beside(path, ".json", OWN)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(FileError, match="No space left"):
        sidecar.write(path, {"notes": "new"})
    assert json.loads(file.read_text()) == OWN
    assert [other.name for other in path.parent.iterdir()] == ["ink.v2.json"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back(path: Path, text: str) -> None:
    sidecar.write(path, {"notes": text})
    assert sidecar.read(path).notes == text


@pytest.mark.skipif(os.name == "nt", reason="Windows has other links and no FIFO")
class TestDoors:
    """Sidecars come through the same door as model files."""

    def test_links_are_followed_inside_the_library_only(self, tmp_path: Path) -> None:
        library, other = tmp_path / "Lora", tmp_path / "more"
        for folder in (library, other):
            folder.mkdir()
        (tmp_path / "secret.txt").write_text("secret")
        (other / "shared.json").write_text('{"notes": "shared"}')
        path = library / "ink.safetensors"
        (library / "ink.txt").symlink_to(tmp_path / "secret.txt")
        (library / "ink.json").symlink_to(other / "shared.json")
        assert sidecar.read(path, [library]) == Sidecar(
            problems=("ink.json cannot be read: it is a link that leads out of the library",)
        )
        assert sidecar.read(path, [library, other]) == Sidecar(notes="shared")

    def test_a_pipe_does_not_hang(self, tmp_path: Path) -> None:
        for suffix in sidecar.SUFFIXES:
            os.mkfifo(tmp_path / f"ink{suffix}")
        found = sidecar.read(tmp_path / "ink.safetensors")
        assert [problem.partition(" ")[0] for problem in found.problems] == [
            "ink.json",
            "ink.cm-info.json",
            "ink.civitai.info",
            "ink.metadata.json",
        ]
        assert found.description == ""
