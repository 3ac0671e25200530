"""What belongs together stays together: moved, renamed, or left as it was."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from live_lora.errors import FileError
from live_lora.library.bulk.companions import companions
from live_lora.library.bulk.exclusive import exclusive
from live_lora.library.bulk.moves import move, recover
from live_lora.library.walk import BIN

from library.files import lora

STOPS = str(Path(__file__).parent / "stops.py")
BESIDE = (".json", ".civitai.info", ".metadata.json", ".preview.png", ".PNG", ".mp4", ".txt")


def content(root: Path) -> dict[str, bytes]:
    """All files but ours."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and BIN not in path.parts
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = lora(tmp_path / "Lora/a/x.v1.safetensors")
    for ending in BESIDE:
        Path(str(path).removesuffix(".safetensors") + ending).write_text(ending)
    lora(tmp_path / "Lora/a/x.safetensors").with_suffix(".json").write_text("another's")
    return tmp_path / "Lora"


def test_a_lora_takes_along_what_stands_beside_it(root: Path) -> None:
    before = content(root)
    move(root / "a/x.v1.safetensors", root / "b/c/y.safetensors", root)
    moved = {name.replace("a/x.v1", "b/c/y"): raw for name, raw in before.items()}
    assert content(root) == moved
    assert len(moved) == 10


def test_what_is_taken_stays_and_all_is_as_before(root: Path) -> None:
    (root / "y.mp4").write_text("taken")
    before = content(root)
    with pytest.raises(FileError, match=r"already"):
        move(root / "a/x.v1.safetensors", root / "y.safetensors", root)
    assert content(root) == before


def test_a_failure_in_the_middle_changes_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real, left = content(root), os.link, [3]

    def link(*names: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*names)

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(FileError, match="No space left"):
        move(root / "a/x.v1.safetensors", root / "b/x.safetensors", root)
    assert content(root) == before
    assert not (root / "b").exists()
    assert not list((root / BIN).rglob("*.json"))


def test_a_disk_without_links(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*names: str) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)
    before, model = content(root), root / "a/x.v1.safetensors"
    time = model.stat().st_mtime_ns
    move(model, root / "b/x.v1.safetensors", root)
    assert content(root) == {name.replace("a/x.v1", "b/x.v1"): raw for name, raw in before.items()}
    assert (root / "b/x.v1.safetensors").stat().st_mtime_ns == time


def test_a_link_leads_to_the_same_file_from_its_new_place(root: Path) -> None:
    (root / "b").mkdir()
    (root / "a/link.safetensors").symlink_to("x.safetensors")
    move(root / "a/link.safetensors", root / "b/link.safetensors", root)
    assert (root / "b/link.safetensors").samefile(root / "a/x.safetensors")
    assert not (root / "a/link.safetensors").is_symlink()


def test_sidecars_of_two_loras_stay_with_both(root: Path) -> None:
    (root / "a/x.pt").write_bytes(b"")
    assert [one.shared for one in companions(root / "a/x.safetensors")] == [True]
    move(root / "a/x.safetensors", root / "x.safetensors", root)
    assert (root / "a/x.json").read_text() == (root / "x.json").read_text() == "another's"


def test_the_longest_stem_owns_a_file(tmp_path: Path) -> None:
    for name in ("x", "x.metadata"):
        lora(tmp_path / f"{name}.safetensors")
    for name in ("x.json", "x.metadata.json", "x.metadata.metadata.json", "x.other", "xy.json"):
        (tmp_path / name).write_text("{}")
    names = [one.path.name for one in companions(tmp_path / "x.safetensors")]
    assert names == ["x.json"]
    names = [one.path.name for one in companions(tmp_path / "x.metadata.safetensors")]
    assert names == ["x.metadata.json", "x.metadata.metadata.json"]


@pytest.mark.parametrize("text", ["", "[", "{}", "[[1]]", '[["a", "b", "c", 1, true]]', "[[]]"])
def test_a_journal_that_is_none_harms_nothing(root: Path, text: str) -> None:
    before = content(root)
    (root / BIN / ".moves").mkdir(parents=True)
    (root / BIN / ".moves/0.json").write_text(text)
    recover(root)
    assert content(root) == before


def test_a_journal_removes_no_file_that_has_no_twin(root: Path) -> None:
    before = content(root)
    (root / BIN / ".moves").mkdir(parents=True)
    model = str(root / "a/x.safetensors")
    line = f'[["{model}", "{root}/gone.safetensors", 1, 1, false]]'
    (root / BIN / ".moves/0.json").write_text(line)
    recover(root)
    assert content(root) == before


def test_one_program_at_a_time(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live_lora.library.bulk.exclusive.PATIENCE", 0.1)
    with exclusive(root), pytest.raises(FileError, match="another program"):
        move(root / "a/x.safetensors", root / "y.safetensors", root)
    move(root / "a/x.safetensors", root / "y.safetensors", root)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks")
@pytest.mark.parametrize(
    ("scenario", "links"),
    [("move", "copies"), ("rename", "links"), ("delete", "links"), ("restore", "links")],
)
def test_a_power_cut_between_any_two_calls(tmp_path: Path, scenario: str, links: str) -> None:
    done = subprocess.run(
        [sys.executable, STOPS, scenario, links, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
