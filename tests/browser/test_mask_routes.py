"""Mask pictures by the routes: what is stored, under which name, and what is not."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from live_lora.browser import routes
from live_lora.library.catalog import Catalog
from live_lora.library.mask_pictures import MaskPictures
from PIL import Image

PNG = {"Content-Type": "image/png"}


def png(light: int = 255) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (20, 10), light).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "masks"


@pytest.fixture
def client(tmp_path: Path, folder: Path) -> TestClient:
    return visit(tmp_path, [folder])


def visit(tmp_path: Path, folders: list[Path], closed: str | None = None) -> TestClient:
    app = FastAPI()
    router = routes.router(
        lambda: Catalog([tmp_path]),
        masks_of=lambda: MaskPictures(folders),
        closed_of=lambda: closed,
    )
    app.include_router(router)
    return TestClient(app)


def keep(client: TestClient, name: str, content: bytes = b"", **headers: str) -> tuple[int, str]:
    answer = client.post(
        "/masks", params={"name": name}, content=content or png(), headers=headers or PNG
    )
    return answer.status_code, answer.json().get("name") or answer.json()["detail"]


def test_a_mask_is_kept_and_found_again(client: TestClient, folder: Path) -> None:
    assert keep(client, "face") == (200, "face")
    assert MaskPictures([folder]).open("face").values == b"\xff" * 200
    assert client.get("/masks").json() == {"names": ["face"]}
    shown = client.get("/mask", params={"name": "face"})
    assert (shown.content, shown.headers["content-type"]) == (png(), "image/png")


def test_nothing_takes_anothers_place(client: TestClient, folder: Path) -> None:
    assert keep(client, "face")[1] == "face"
    assert keep(client, "face")[1] == "face"  # the same picture
    assert keep(client, "face", png(0))[1] == "face (2)"
    assert sorted(path.name for path in folder.iterdir()) == ["face (2).png", "face.png"]


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "a/../../b", "..\\x", "x:y", "c\x00d", ".hidden"]
)
def test_no_name_leads_out_of_the_folder(client: TestClient, folder: Path, name: str) -> None:
    code, kept = keep(client, name)
    assert code == 200
    (path,) = folder.iterdir()
    assert path.stem == kept
    assert not path.name.startswith(".")
    assert client.get("/mask", params={"name": kept}).status_code == 200


@pytest.mark.parametrize("name", ["left", "Middle", "0,0,1,1", "0,0,2,2", "", " "])
def test_names_that_mean_a_region(client: TestClient, folder: Path, name: str) -> None:
    assert keep(client, name)[0] == 422
    assert not folder.exists()


def test_what_is_no_picture_is_not_kept(client: TestClient, folder: Path) -> None:
    assert keep(client, "face", b"<html>")[0] == 422
    assert keep(client, "face", png()[:40])[0] == 422
    assert keep(client, "face", **{"Content-Type": "text/plain"})[0] == 415
    assert list(folder.iterdir()) == []


def test_who_may_not_write(tmp_path: Path, folder: Path) -> None:
    assert keep(visit(tmp_path, [folder], "strangers"), "face") == (403, "strangers")
    assert keep(visit(tmp_path, []), "face")[0] == 422


def test_no_other_file_is_shown(client: TestClient, folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("secret")
    Image.new("L", (9, 9)).save(tmp_path / "outside.png")
    for name in ("notes", "notes.txt", "../outside", "../outside.png", str(tmp_path / "outside")):
        assert client.get("/mask", params={"name": name}).status_code == 422, name
