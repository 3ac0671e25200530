"""Videos beside LoRAs and example pictures: what is sent, in which parts, and what never is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.testclient import TestClient
from library.files import lora

from .route_client import Connect, picture, rows

MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(range(256)) * 40
WEBM = b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + bytes(range(256)) * 3
HTML = b"<html><script>alert(1)</script>"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("x", "still"):
        lora(tmp_path / "Lora" / f"{name}.safetensors")
    picture(tmp_path / "Lora/still.png", (40, 60))
    (tmp_path / "Lora/x.mp4").write_bytes(MP4)
    return tmp_path / "Lora"


def test_a_card_knows_its_video_and_its_picture_apart(client: TestClient, root: Path) -> None:
    found = rows(client)
    assert "preview" not in found["x"]
    assert "video" not in found["still"]
    address = f"video/{found['x']['id']}?v={found['x']['video']}"
    answer = client.get(address)
    assert (answer.status_code, answer.content) == (200, MP4)
    assert answer.headers["content-type"] == "video/mp4"
    assert "immutable" in answer.headers["cache-control"]
    picture(root / "x.png", (40, 60))
    os.utime(root / "x.mp4", (5, 5))
    again = rows(client)["x"]
    assert again["preview"]
    assert again["video"] != found["x"]["video"]
    assert client.get(address).headers["cache-control"] == "no-cache"
    assert client.get(f"preview/{again['id']}").headers["content-type"] == "image/webp"


RANGES = {  # -> start, end
    "bytes=0-": (0, len(MP4)),
    "bytes=0-0": (0, 1),
    "bytes=100-199": (100, 200),
    "bytes=-50": (len(MP4) - 50, len(MP4)),
    "bytes=9000-999999999": (9000, len(MP4)),
    "bytes=-999999999": (0, len(MP4)),
}


@pytest.mark.parametrize("asked", RANGES)
def test_parts(client: TestClient, asked: str) -> None:
    start, end = RANGES[asked]
    answer = client.get(f"video/{rows(client)['x']['id']}", headers={"range": asked})
    assert (answer.status_code, answer.content) == (206, MP4[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(MP4)}"
    assert answer.headers["content-length"] == str(end - start)


def test_a_host_that_compresses_its_answers_leaves_parts_alone(connect: Connect) -> None:
    client = connect()
    assert isinstance(client.app, FastAPI)
    client.app.add_middleware(GZipMiddleware, minimum_size=1)
    headers = {"range": "bytes=4-11", "accept-encoding": "gzip"}
    answer = client.get(f"video/{rows(client)['x']['id']}", headers=headers)
    assert answer.headers["content-encoding"] == "identity"
    assert (answer.status_code, answer.content) == (206, MP4[4:12])


@pytest.mark.parametrize("asked", [f"bytes={len(MP4)}-", "bytes=5-4", "bytes=-0"])
def test_a_part_that_is_not_there(client: TestClient, asked: str) -> None:
    answer = client.get(f"video/{rows(client)['x']['id']}", headers={"range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(MP4)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "chapters=1-2", "bytes=-", "x" * 9999])
def test_what_is_no_single_part_gets_all(client: TestClient, asked: str) -> None:
    answer = client.get(f"video/{rows(client)['x']['id']}", headers={"range": asked})
    assert (answer.status_code, answer.content) == (200, MP4)


def test_parts_of_a_file_that_was_replaced_are_not_mixed(client: TestClient, root: Path) -> None:
    id = rows(client)["x"]["id"]
    tag = client.get(f"video/{id}").headers["etag"]
    headers = {"range": "bytes=0-9", "if-range": tag}
    assert client.get(f"video/{id}", headers=headers).status_code == 206
    assert client.get(f"video/{id}", headers={"if-none-match": tag}).status_code == 304
    (root / "x.mp4").write_bytes(MP4 + b"more")
    answer = client.get(f"video/{id}", headers=headers)
    assert (answer.status_code, answer.content) == (200, MP4 + b"more")


def test_no_browser_runs_what_it_gets(client: TestClient, root: Path) -> None:
    id = rows(client)["x"]["id"]
    headers = client.get(f"video/{id}").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    for content in (HTML, b"", b"<svg onload=alert(1)>", b"\0\0\0\x18ftypheic" + bytes(50)):
        (root / "x.mp4").write_bytes(content)
        assert client.get(f"video/{id}").status_code == 404
    (root / "x.mp4").write_bytes((root / "still.png").read_bytes())  # a picture is no video
    assert client.get(f"video/{id}").status_code == 404


def test_a_video_outside_is_not_shown(client: TestClient, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(MP4)
    (root / "x.mp4").unlink()
    (root / "x.mp4").symlink_to(tmp_path / "secret.mp4")
    assert client.get(f"video/{rows(client)['x']['id']}").status_code == 404


def test_a_pipe_is_not_waited_for(client: TestClient, root: Path) -> None:
    (root / "x.mp4").unlink()
    os.mkfifo(root / "x.mp4")
    assert client.get(f"video/{rows(client)['x']['id']}").status_code == 404


KINDS = {"mp4": MP4, "webm": WEBM}


@pytest.mark.parametrize("kind", KINDS)
def test_a_video_becomes_the_preview(client: TestClient, root: Path, kind: str) -> None:
    """The picture below it stays; the video before it is kept by another name."""
    picture(root / "x.png", (40, 60))
    id = rows(client)["x"]["id"]
    headers = {"content-type": f"video/{kind}"}
    answer = client.post(f"file/{id}/preview", content=KINDS[kind] + b"new", headers=headers)
    assert answer.status_code == 200
    found = client.get(f"video/{id}")
    assert (found.content, found.headers["content-type"]) == (
        KINDS[kind] + b"new",
        f"video/{kind}",
    )
    assert (root / "x.before.mp4").read_bytes() == MP4
    assert (root / "x.png").exists()


def test_a_picture_takes_the_place_of_a_video(client: TestClient, root: Path) -> None:
    content = (root / "still.png").read_bytes()
    id = rows(client)["x"]["id"]
    answer = client.post(
        f"file/{id}/preview", content=content, headers={"content-type": "image/png"}
    )
    assert "video" not in answer.json()
    assert (root / "x.before.mp4").read_bytes() == MP4


@pytest.mark.parametrize("content", [HTML, b"", MP4[:9]])
def test_what_only_says_it_is_a_video_is_refused(
    client: TestClient, root: Path, content: bytes
) -> None:
    id = rows(client)["x"]["id"]
    headers = {"content-type": "video/mp4"}
    assert client.post(f"file/{id}/preview", content=content, headers=headers).status_code == 422
    assert (root / "x.mp4").read_bytes() == MP4


def examples(client: TestClient) -> list[dict[str, Any]]:
    found = client.get(f"file/{rows(client)['x']['id']}").json()["examples"]
    assert isinstance(found, list)
    return found


def test_examples_tell_where_they_are(client: TestClient, root: Path) -> None:
    images = [
        {"url": "https://example.com/1.jpeg", "nsfwLevel": 8, "meta": {"prompt": "a fox"}},
        {"url": "https://example.com/2.mp4", "type": "video", "nsfwLevel": "Soft"},
        {"url": "javascript:alert(1)", "meta": {"prompt": "evil"}},
        {"url": "file:///etc/passwd"},
    ]
    (root / "x.civitai.info").write_text(json.dumps({"id": 1, "images": images}))
    assert examples(client) == [
        {"address": "https://example.com/1.jpeg", "nsfw": "X", "prompt": "a fox"},
        {"address": "https://example.com/2.mp4", "nsfw": "PG-13", "media": "video"},
        {"prompt": "evil"},
    ]


def test_examples_that_are_here(client: TestClient, root: Path, tmp_path: Path) -> None:
    """By a sidecar's own address, or by a name beside the LoRA; nothing outside of the library."""
    picture(root / "pictures/one.png", (30, 20))
    picture(tmp_path / "secret.png")
    places = ["pictures/one.png", "../secret.png", str(tmp_path / "secret.png"), "x.safetensors"]
    images = [{"url": place, "meta": {"prompt": place[-10:]}} for place in places]
    metadata = {"civitai": {"images": images[:2], "customImages": images[2:]}}
    (root / "x.metadata.json").write_text(json.dumps(metadata))
    (root / "x.example-2.webm").write_bytes(WEBM)
    picture(root / "x.example-7.jpg", (10, 10), "JPEG")
    found = examples(client)
    assert [(one.get("number"), one.get("local")) for one in found] == [
        (1, "image"),
        (2, "video"),
        *((None, None), (None, None)),
        (7, "image"),
    ]
    assert str(tmp_path) not in json.dumps(found)
    assert not any("address" in one for one in found)
    id = rows(client)["x"]["id"]
    answers = [client.get(f"example/{id}/{number}") for number in (1, 2, 3, 4, 7, 8, 0, -1)]
    assert [one.status_code for one in answers] == [200, 200, 404, 404, 200, 404, 404, 404]
    assert [one.headers["content-type"] for one in answers[:2]] == ["image/png", "video/webm"]


def test_an_example_that_leads_out_is_not_sent(
    client: TestClient, root: Path, tmp_path: Path
) -> None:
    picture(tmp_path / "secret.png")
    (root / "x.example-1.png").symlink_to(tmp_path / "secret.png")
    assert client.get(f"example/{rows(client)['x']['id']}/1").status_code == 404


def test_levels_and_steps(client: TestClient, root: Path) -> None:
    """Of the file, of its preview; from LoRA Manager's notes a range that is written as a text."""
    tips = json.dumps({"strength": 0.7, "strength_range": "0.5 - 0.9"})
    metadata = {"usage_tips": tips, "preview_nsfw_level": 2, "civitai": {"nsfwLevel": 8}}
    (root / "x.metadata.json").write_text(json.dumps(metadata))
    found = rows(client)["x"]
    assert (found["nsfw"], found["preview_nsfw"]) == ("X", "PG-13")
    assert (found["weight"], found["range"]) == (0.7, [0.5, 0.9])
    answer = client.post(f"file/{found['id']}", json={"step": 0.05})
    assert answer.json()["step"] == 0.05
    assert rows(client)["x"]["step"] == 0.05
    assert client.post(f"file/{found['id']}", json={"step": 0}).status_code == 422


def test_the_folders_and_how_many_files_lie_in_them(client: TestClient, root: Path) -> None:
    lora(root / "style/deep/a.safetensors")
    (root / "empty").mkdir()
    rows(client)
    answer = client.get("library").json()
    assert sorted(answer["folders"]) == [
        ["Lora", "", 2],
        ["Lora", "empty", 0],
        ["Lora", "style", 0],
        ["Lora", "style/deep", 1],
    ]
    again = client.get("library", params={"since": answer["since"]}).json()
    assert "folders" not in again
