"""`live-lora civitai` and `live-lora library`, end to end, with a site on this machine."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from library.civitai.site import Site, in_place_of_civitai
from library.files import lora
from live_lora.app import cli, library_command, library_options
from live_lora.library.civitai.storing import info_of
from PIL import Image
from PIL.PngImagePlugin import PngInfo


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with in_place_of_civitai(monkeypatch) as site:
        yield site


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(library_command, "user_data_path", lambda name: tmp_path / "data")
    monkeypatch.setattr(library_command, "user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.delenv("LIVE_LORA_CIVITAI_KEY", raising=False)
    for name in ("a", "b"):
        lora(tmp_path / f"Lora/{name}.safetensors", data=name.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path / "Lora"


def live_lora(*arguments: str) -> int:
    folder = [] if arguments[1] == "key" else ["--lora-dir", "Lora"]
    return cli.main([*arguments, *folder])


def test_lookup(site: Site, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.add(root / "a.safetensors", 7)
    assert live_lora("civitai", "lookup") == 0
    assert capsys.readouterr().out == "1 of 2 files are known, 1 are not\n"
    assert info_of(root / "a.safetensors")["id"] == 7
    assert (root / "a.preview.png").exists()
    assert live_lora("civitai", "lookup", "b", "--again", "--previews", "none") == 0


def test_updates(site: Site, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.add(root / "a.safetensors", 7)
    later = {"id": 9, "name": "v9", "baseModel": "SDXL 1.0", "publishedAt": "2030-01-01T00:00"}
    site.models[1007]["modelVersions"].append(later)
    live_lora("civitai", "lookup")
    capsys.readouterr()
    assert live_lora("civitai", "updates") == 0
    assert capsys.readouterr().out == "a: v9 (2030-01-01), version 9\n"


def test_download_with_a_key(
    site: Site, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "stdin", io.StringIO("abcdef0123456789\n"))
    assert live_lora("civitai", "key") == 0
    site.add(lora(tmp_path / "there/new.safetensors"), 7)
    assert live_lora("civitai", "download", "7", "--to", "style") == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == str(root / "style/new.safetensors")
    assert site.headers[0]["Authorization"] == "Bearer abcdef0123456789"
    assert "abcdef" not in told.out + told.err
    assert live_lora("civitai", "key", "--remove") == 0
    assert not (tmp_path / "data/civitai.key").exists()


def test_errors_are_sentences(
    site: Site, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert live_lora("civitai", "download", "7") == 1
    assert "shows no version 7" in capsys.readouterr().err
    monkeypatch.setenv("LIVE_LORA_OFFLINE", "1")
    assert live_lora("civitai", "lookup") == 1
    assert "switched off" in capsys.readouterr().err
    assert cli.main(["library", "bin", "--lora-dir", "nowhere"]) == 1
    assert "--lora-dir" in capsys.readouterr().err


VERSIONS = {
    "7": 7,
    "https://civitai.com/models/3/name?modelVersionId=7": 7,
    "https://civitai.com/api/download/models/7?type=Model": 7,
}


@pytest.mark.parametrize("text", VERSIONS)
def test_how_a_version_is_named(text: str) -> None:
    assert library_options.version_id(text) == VERSIONS[text]


@pytest.mark.parametrize("text", ["", "0", "-1", "https://civitai.com/models/3", "٣", "9" * 30])
def test_what_names_no_version(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["civitai", "download", text])


def test_move_rename_delete(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "a.json").write_text("{}")
    assert live_lora("library", "move", "a", "--to", "x") == 0
    assert live_lora("library", "rename", "a", "c") == 0
    assert (root / "x/c.json").exists()
    assert live_lora("library", "delete", "c", "b") == 0
    id = capsys.readouterr().out.split()[-1]
    assert list(root.glob("**/*.json")) != []
    assert live_lora("library", "bin") == 0
    assert "x/c.safetensors" in capsys.readouterr().out
    assert live_lora("library", "restore", id) == 0
    assert (root / "x/c.json").exists()
    assert live_lora("library", "restore", id) == 1
    assert live_lora("library", "move", "b", "--to", "..") == 1


def test_tags_and_doubles(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lora(root / "again.safetensors", data=b"a", alias="other metadata")
    assert live_lora("library", "tag", "a", "--add", "style") == 0
    assert json.loads((root / "a.json").read_text()) == {"live lora": {"tags": ["style"]}}
    capsys.readouterr()
    assert live_lora("library", "duplicates") == 0
    assert capsys.readouterr().out == "a.safetensors  again.safetensors\n"
    assert live_lora("library", "versions") == 0


def test_sets(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    information = PngInfo()
    information.add_text("parameters", "a fox <lora:a:0.8>\nSteps: 20, Seed: 1")
    Image.new("RGB", (8, 8)).save(tmp_path / "fox.png", pnginfo=information)
    assert live_lora("library", "sets", "--add", "fox.png", "--name", "Fox") == 0
    id = capsys.readouterr().out.split()[0]
    assert live_lora("library", "sets", "--show", id) == 0
    assert capsys.readouterr().out == "<lora:a:0.8>\n"
    assert live_lora("library", "sets", "--export", "sets.json") == 0
    assert live_lora("library", "sets", "--remove", id) == 0
    assert live_lora("library", "sets", "--add", "sets.json") == 0
    assert live_lora("library", "sets") == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{id}  Fox"


def test_a_recipe_in_a_pictures_exif(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = {"title": "Winter", "loras": [{"file_name": "a", "strength": 0.5}]}
    text = f"a fox\nSteps: 1, Seed: 1\nRecipe metadata: {json.dumps(recipe)}"
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode("utf-16-be")
    Image.new("RGB", (8, 8)).save(tmp_path / "x.webp", exif=exif)
    assert live_lora("library", "sets", "--add", "x.webp") == 0
    assert "Winter" in capsys.readouterr().out


@pytest.mark.parametrize("raw", [b"", b"\xff\xd8\xff", b"a fox", b"[1]", b'{"loras": 1}', b"\xfe"])
def test_what_holds_no_set(root: Path, tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "x").write_bytes(raw)
    assert live_lora("library", "sets", "--add", "x") == 1
    assert live_lora("library", "sets", "--add", "nowhere") == 1
