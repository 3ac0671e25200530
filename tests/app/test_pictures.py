"""The folder of pictures: each with its infotext, none outside, and a full disk costs the file."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from live_lora.app import html, pictures
from live_lora.app.pictures import Pictures
from live_lora.app.request import GenerationRequest, GenerationResult
from live_lora.session.report import Report
from PIL import Image


def result(count: int = 2) -> GenerationResult:
    images = []
    for number in range(count):
        image = Image.new("RGB", (8, 8), (number, 0, 0))
        image.info["parameters"] = f"a fox {number}"
        images.append(image)
    request = GenerationRequest(("a",) * count, seed=7)
    return GenerationResult(tuple(images), request, Report())


@pytest.fixture
def kept(tmp_path: Path) -> Pictures:
    return Pictures(tmp_path / "made" / "when needed")


def test_pictures_are_kept_with_their_text(kept: Pictures) -> None:
    shown, problem = kept.keep(result())
    assert problem is None
    assert [one.caption for one in shown] == ["seed 7", "seed 8"]
    for number, one in enumerate(shown):
        with Image.open(kept.folder / one.source) as image:
            assert image.info["parameters"] == f"a fox {number}"
            assert image.getpixel((0, 0)) == (number, 0, 0)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_the_folder_is_the_users_own(kept: Pictures) -> None:
    kept.keep(result())
    assert kept.folder.stat().st_mode & 0o077 == 0


def test_the_same_seed_in_the_same_second_is_another_file(kept: Pictures) -> None:
    names = {one.source for _ in range(3) for one in kept.keep(result())[0]}
    assert len(names) == 6
    assert len(kept.found(names)) == 6


def test_what_cannot_be_kept_is_shown_all_the_same(kept: Pictures) -> None:
    kept.folder.parent.mkdir()
    kept.folder.touch()  # a file in its place
    shown, problem = kept.keep(result(1))
    assert problem is not None
    assert str(kept.folder) in problem
    content = base64.b64decode(shown[0].source.partition("base64,")[2])
    with Image.open(io.BytesIO(content)) as image:
        assert image.info["parameters"] == "a fox 0"
    assert "data:image/png" in html.gallery(shown)


def test_only_pictures_of_the_folder_are_given_away(kept: Pictures, tmp_path: Path) -> None:
    shown, _ = kept.keep(result(1))
    secret = tmp_path / "20260101-000000-7.png"
    secret.write_bytes(b"secret")
    (kept.folder / "20260101-000000-8.png").symlink_to(secret)
    (kept.folder / "notes.txt").write_text("mine")
    app = FastAPI()
    app.include_router(pictures.router(kept), prefix="/pictures")
    client = TestClient(app)
    found = client.get(f"/pictures/{shown[0].source}")
    assert found.headers["content-type"] == "image/png"
    for name in ("20260101-000000-8.png", "notes.txt", "..%2F..%2F20260101-000000-7.png", ""):
        assert client.get(f"/pictures/{name}").status_code == 404
    assert kept.found(["../20260101-000000-7.png", shown[0].source]) == [
        pictures.ShownPicture(shown[0].source)
    ]


def test_previews_are_in_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (shown,) = pictures.previews([Image.new("RGB", (8, 8))])
    assert shown.source.startswith("data:image/jpeg;base64,")
    assert list(tmp_path.iterdir()) == []
