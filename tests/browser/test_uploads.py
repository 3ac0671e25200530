"""The two writes that are no JSON: what is taken, what is refused; nothing is lost by them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient
from library.files import lora
from live_lora.browser.routes import writing
from live_lora.library import arrivals
from PIL import Image

from .route_client import Connect

LORA = {"content-type": "application/x-safetensors"}


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 60)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind)
    return out.getvalue()


def sent(kind: str) -> dict[str, str]:
    return {"content-type": f"image/{kind}"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    lora(tmp_path / "Lora/x.safetensors")
    (tmp_path / "Lora/sub").mkdir()
    return tmp_path / "Lora"


@pytest.fixture
def id(client: TestClient) -> str:
    (row,) = client.get("library").json()["loras"]
    return str(row["id"])


@pytest.fixture
def body(tmp_path: Path) -> bytes:
    return lora(tmp_path / "elsewhere/new.safetensors", alias="fresh").read_bytes()


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("kind", "ending"), [("png", "png"), ("jpeg", "jpg"), ("webp", "webp"), ("gif", "gif")]
)
def test_a_picture_becomes_the_preview(
    client: TestClient, id: str, root: Path, kind: str, ending: str
) -> None:
    content = picture(kind.upper())
    answer = client.post(f"file/{id}/preview", content=content, headers=sent(kind))
    assert answer.status_code == 200
    assert (root / f"x.preview.{ending}").read_bytes() == content
    version = answer.json()["preview"]
    assert client.get(f"preview/{id}?full=1&v={version}").content == content


def test_what_was_shown_before_is_kept(client: TestClient, id: str, root: Path) -> None:
    (root / "x.png").write_bytes(b"the first")
    (root / "x.preview.webp").write_bytes(b"the second")
    content = picture("WEBP")
    client.post(f"file/{id}/preview", content=content, headers=sent("webp"))
    assert client.get(f"preview/{id}?full=1").content == content
    assert (root / "x.before.png").read_bytes() == b"the first"
    assert (root / "x.before.webp").read_bytes() == b"the second"


def test_a_link_is_replaced_not_followed(
    client: TestClient, id: str, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"not ours")
    (root / "x.preview.png").symlink_to(outside)
    assert client.post(f"file/{id}/preview", content=picture(), headers=sent("png")).is_success
    assert outside.read_bytes() == b"not ours"
    assert not (root / "x.preview.png").is_symlink()


BROKEN = {
    "text": (b"<svg onload=alert(1)>", "png", 422),
    "a picture's beginning alone": (picture()[:30], "png", 422),
    "nothing": (b"", "png", 422),
    "another kind": (picture(), "svg+xml", 415),
    "no kind": (picture(), "", 415),
    "a bomb": (picture(size=(9000, 9000)), "png", 422),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_picture_is_refused(client: TestClient, id: str, root: Path, case: str) -> None:
    content, kind, status = BROKEN[case]
    answer = client.post(f"file/{id}/preview", content=content, headers=sent(kind))
    assert answer.status_code == status
    assert files(root) == ["x.safetensors"]


def test_a_picture_that_is_too_large(
    client: TestClient, id: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LARGEST_PICTURE", 50)
    answer = client.post(f"file/{id}/preview", content=picture(), headers=sent("png"))
    assert answer.status_code == 413
    assert files(root) == ["x.safetensors"]
    assert client.post("file/0/preview", content=b"", headers=sent("png")).status_code == 404


def test_a_lora_is_stored(client: TestClient, root: Path, body: bytes) -> None:
    answer = client.post("upload?name=new.safetensors&folder=sub", content=body, headers=LORA)
    assert answer.status_code == 200
    assert answer.json()["name"] == "new"
    assert (root / "sub/new.safetensors").read_bytes() == body
    assert answer.json()["id"] in [row["id"] for row in client.get("library").json()["loras"]]


def test_another_of_that_name_gets_a_number(client: TestClient, root: Path, body: bytes) -> None:
    before = (root / "x.safetensors").read_bytes()
    answer = client.post("upload?name=x.safetensors", content=body, headers=LORA)
    assert answer.json()["name"] == "x (2)"
    assert (root / "x.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../up.safetensors", ".._.._up.safetensors"),
        ("/etc/passwd.safetensors", "_etc_passwd.safetensors"),
        ("C:\\x.safetensors", "C__x.safetensors"),
        ("con.safetensors", "_con.safetensors"),
        ("<b>\n\x00\u202e.safetensors", "_b_.safetensors"),
        (".safetensors", "lora.safetensors"),
        ("n" * 500 + ".safetensors", "n" * 200 + ".safetensors"),
    ],
)
def test_hostile_names_are_made_harmless(
    client: TestClient, root: Path, tmp_path: Path, body: bytes, name: str, stored: str
) -> None:
    answer = client.post("upload", params={"name": name}, content=body, headers=LORA)
    assert answer.status_code == 200
    (new,) = set(files(root)) - {"x.safetensors"}
    assert "/" not in new
    assert new.lstrip("._ ") == stored.lstrip("._ ")
    assert not (tmp_path / "up.safetensors").exists()


@pytest.mark.parametrize(
    "folder", ["..", "../..", "sub/../..", "/etc", "nowhere", ".hidden", "out", "a\x00b", "sub\\.."]
)
def test_no_folder_leads_out(
    client: TestClient, root: Path, tmp_path: Path, body: bytes, folder: str
) -> None:
    (tmp_path / "outside").mkdir()
    (root / "out").symlink_to(tmp_path / "outside")
    (root / ".hidden").mkdir()
    asked = {"name": "a.safetensors", "folder": folder}
    assert client.post("upload", params=asked, content=body, headers=LORA).status_code == 422
    assert files(root) == ["x.safetensors"]
    assert list((tmp_path / "outside").iterdir()) == []


NOT_LORAS = {
    "a web page": b"<!doctype html><html>" * 40,
    "a picture": picture(),
    "a zip": b"PK\x03\x04" + bytes(400),
    "nothing": b"",
    "zeros": bytes(400),
    "seven bytes": b"1234567",
    "no JSON": (300).to_bytes(8, "little") + b"x" * 300,
    "cut short": None,
}


@pytest.mark.parametrize("case", NOT_LORAS)
def test_what_is_no_lora_is_refused(client: TestClient, root: Path, body: bytes, case: str) -> None:
    content = NOT_LORAS[case]
    content = body[:-3] if content is None else content
    answer = client.post("upload?name=a.safetensors", content=content, headers=LORA)
    assert answer.status_code == 422
    assert "a.safetensors" in answer.json()["detail"]
    assert str(root) not in answer.text
    assert files(root) == ["x.safetensors"]


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("upload?name=a.pt", LORA, 422),
        ("upload?name=", LORA, 422),
        ("upload", LORA, 422),
        ("upload?name=a.safetensors&library=7", LORA, 422),
        ("upload?name=a.safetensors", {"content-type": "text/plain"}, 415),
        ("upload?name=a.safetensors", {"content-type": "multipart/form-data"}, 415),
        ("upload?name=a.safetensors", {"content-type": "application/json"}, 415),
        ("upload?name=a.safetensors", {**LORA, "content-length": str(1 << 40)}, 413),
    ],
)
def test_other_uploads_are_refused(
    client: TestClient, root: Path, body: bytes, address: str, headers: dict[str, str], status: int
) -> None:
    assert client.post(address, content=body, headers=headers).status_code == status
    assert files(root) == ["x.safetensors"]


def test_a_lora_without_its_length_or_beyond_it(
    client: TestClient, root: Path, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = client.post("upload?name=a.safetensors", content=iter([body]), headers=LORA)
    assert answer.status_code == 411
    monkeypatch.setattr(arrivals, "LARGEST", len(body) - 1)
    answer = client.post("upload?name=a.safetensors", content=body, headers=LORA)
    assert answer.status_code == 413
    assert files(root) == ["x.safetensors"]


def test_a_disk_without_room(
    client: TestClient, root: Path, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live_lora.library.bulk.placing.SPARE_ROOM", 1 << 60)
    answer = client.post("upload?name=a.safetensors", content=body, headers=LORA)
    assert (answer.status_code, "are free" in answer.json()["detail"]) == (422, True)
    assert files(root) == ["x.safetensors"]


UPLOADS = [("file/0/preview", sent("png")), ("upload?name=a.safetensors", LORA)]


@pytest.mark.parametrize(("address", "headers"), UPLOADS)
def test_uploads_are_off_where_strangers_come(
    connect: Connect, root: Path, body: bytes, address: str, headers: dict[str, str]
) -> None:
    closed = connect(closed_of=lambda: "others can reach this page (--listen)")
    answer = closed.post(address, content=body, headers=headers)
    assert (answer.status_code, "--listen" in answer.json()["detail"]) == (403, True)
    stranger = connect(stranger_of=lambda headers: headers.get("origin") and "another site")
    other = {**headers, "origin": "http://evil.test"}
    assert stranger.post(address, content=body, headers=other).status_code == 403

    def guard() -> None:
        raise HTTPException(401)

    assert connect(guard=guard).post(address, content=body, headers=headers).status_code == 401
    assert files(root) == ["x.safetensors"]


def test_both_are_in_the_description_of_the_routes(client: TestClient) -> None:
    paths = json.loads(client.get("http://test/openapi.json").text)["paths"]
    assert "post" in paths["/live-lora/upload"]
    assert "post" in paths["/live-lora/file/{id}/preview"]
