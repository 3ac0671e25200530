"""`live-lora report`: the facts are there, and what is private is not."""

from __future__ import annotations

import json
import stat
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import live_lora
import pytest
from live_lora.app import cli, diagnosis

SECRET = "a fox at my house"


def reported(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    capsys.readouterr()
    assert cli.main(["report", "--json", *options]) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


@pytest.fixture
def drawn(model: Path, loras: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A picture was drawn, with one LoRA that is there and one that is not; the LoRAs' folder."""
    for name in cli.SETTINGS:
        monkeypatch.setenv(name, cli.SETTINGS[name])
    options = ["--model", str(model), "--lora-dir", str(loras), "--device", "cpu", "--steps", "1"]
    prompt = f"{SECRET} <lora:ghibli:0.5> <lora:nowhere:1>"
    output = ["-o", str(tmp_path / "out.png"), "-n", "my neighbour"]
    assert cli.main(["generate", *options, prompt, *output]) == 0
    return loras


def test_versions_and_devices(capsys: pytest.CaptureFixture[str]) -> None:
    facts = reported(capsys)
    assert facts["live_lora"] == live_lora.__version__
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["packages"]["torch"] == version("torch")
    assert facts["packages"].keys() <= set(diagnosis.PACKAGES)
    assert facts["devices"][0].startswith("cpu, ")
    assert facts["webui"] is None
    assert facts["last_run"] is None


def test_the_last_run_without_what_is_private(
    drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = reported(capsys)
    run = facts["last_run"]
    assert run["settings"]["device"] == "cpu"
    assert run["settings"]["folders"] == "…"
    (network,) = run["report"]["networks"]
    assert (network["name"], network["file"]) == ("ghibli", "ghibli.safetensors")
    assert network["ran_total"] > 0
    assert any("nowhere" in problem["message"] for problem in run["report"]["problems"])
    shown = json.dumps(facts, ensure_ascii=False)
    assert SECRET not in shown
    assert "neighbour" not in shown
    assert str(drawn) not in shown


def test_what_is_private_where_it_is_asked_for(
    drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert SECRET in reported(capsys, "--with-prompts")["last_run"]["prompts"][0]
    assert reported(capsys, "--with-paths")["last_run"]["settings"]["folders"] == [str(drawn)]
    assert "prompts" not in reported(capsys, "--with-paths")["last_run"]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are others there")
def test_only_its_user_can_read_the_last_run(drawn: Path) -> None:
    assert stat.S_IMODE(diagnosis.last_run_path().stat().st_mode) == 0o600


def test_the_picture_comes_where_nothing_can_be_written_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(diagnosis, "user_state_path", lambda name: tmp_path / "file" / name)
    request.getfixturevalue("drawn")
    assert (tmp_path / "out.png").exists()
    assert diagnosis.last_run() is None


def test_a_damaged_record_is_none() -> None:
    path = diagnosis.last_run_path()
    path.parent.mkdir(parents=True)
    for content in (b"{", b"[]", b"\xff"):
        path.write_bytes(content)
        assert diagnosis.last_run() is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("/home/jane/x.safetensors: damaged", "…/x.safetensors: damaged"),
        (r"C:\Users\Jane Doe\my loras\x.safetensors: gone", "…/x.safetensors: gone"),
        (r"\\server\share\x.pt", "…/x.pt"),
        ("no files in '/mnt/My Stuff/Lora', '/srv/b/c'", "no files in '…/Lora', '…/c'"),
        ("file:///home/jane/x", "…/x"),
        ("722 of 722 targets, 1/2 of unet/down", "722 of 722 targets, 1/2 of unet/down"),
        ("see https://civitai.com/models/1", "see https://civitai.com/models/1"),
    ],
)
def test_paths_are_cut_to_the_name_at_their_end(message: str, expected: str) -> None:
    facts = {"report": {"problems": [{"message": message}], "count": 1}}
    cut = {"report": {"problems": [{"message": expected}], "count": 1}}
    assert diagnosis.without_paths(facts) == cut


def test_a_webui_around_it(tmp_path: Path) -> None:
    extension = tmp_path / "extensions" / "live-lora"
    extension.mkdir(parents=True)
    assert diagnosis.webui(extension) is None
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "launch_utils.py").touch()
    assert diagnosis.webui(extension) == {"version": None, "settings": {}}
    (tmp_path / "CHANGELOG.md").write_text("\n## 1.10.1\n\n### Bug fixes\n")
    options = {"live_lora_strict": True, "live_lora_folders": "a/b", "samples_save": True}
    (tmp_path / "config.json").write_text(json.dumps(options))
    settings = {"live_lora_strict": True, "live_lora_folders": "a/b"}
    found = diagnosis.webui(extension)
    assert found == {"version": "1.10.1", "settings": settings}
    assert diagnosis.without_paths(found)["settings"]["live_lora_folders"] == "…"


def test_for_a_person(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli.main(["report"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"live_lora: {live_lora.__version__}"
    assert "    device: cpu" in said
