"""The routes of one file: its facts, edits of them, its hash and its picture."""

from __future__ import annotations

import hashlib
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from library.files import lora
from PIL import Image

from .route_client import Connect, picture, rows


def test_details(client: TestClient) -> None:
    found = client.get(f"file/{rows(client)['ghibli']['id']}").json()
    assert found["metadata"] == {"ss_output_name": "studio"}
    assert found["training_tags"] == [["sea", 5], ["sky", 3]]
    assert found["hashes"] is None
    assert (found["words"], found["weight"], found["notes"]) == ("ghibli style", 0.7, "")


def test_an_edit_is_written_and_keeps_the_rest(client: TestClient, root: Path) -> None:
    id = rows(client)["ghibli"]["id"]
    answer = client.post(f"file/{id}", json={"notes": "<b>", "weight": 1.5, "words": "ghibli"})
    assert answer.status_code == 200
    assert (answer.json()["notes"], answer.json()["weight"]) == ("<b>", 1.5)
    assert json.loads((root / "ghibli.json").read_text()) == {
        "activation text": "ghibli",
        "preferred weight": 1.5,
        "kept": 1,
        "notes": "<b>",
    }
    assert rows(client)["ghibli"]["weight"] == 1.5
    assert client.post(f"file/{id}", json={"weight": None}).json()["weight"] is None


REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "form": ({"data": {"notes": "x"}}, 415),
    "plain text": ({"content": b'{"notes": "x"}', "headers": {"Content-Type": "text/plain"}}, 415),
    "no type": ({"content": b'{"notes": "x"}'}, 415),
    "no JSON": ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
    "deep": ({"content": b"[" * 99999, "headers": {"Content-Type": "application/json"}}, 400),
    "a list": ({"json": ["notes"]}, 400),
    "too much": ({"json": {"notes": "x" * (1 << 20)}}, 413),
    "unknown field": ({"json": {"path": "/etc/passwd"}}, 422),
    "number for text": ({"json": {"notes": 5}}, 422),
    "text for number": ({"json": {"weight": "5"}}, 422),
    "true for number": ({"json": {"weight": True}}, 422),
    "half a character": (
        {"content": b'{"notes": "\\ud800"}', "headers": {"Content-Type": "application/json"}},
        422,
    ),
    "nan": (
        {"content": b'{"weight": NaN}', "headers": {"Content-Type": "application/json"}},
        422,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_proper_edit_is_refused(client: TestClient, root: Path, case: str) -> None:
    before = (root / "ghibli.json").read_bytes()
    request, status = REFUSED[case]
    answer = client.post(f"file/{rows(client)['ghibli']['id']}", **request)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
    assert (root / "ghibli.json").read_bytes() == before


def test_refresh_is_a_write_too(client: TestClient) -> None:
    assert client.post("refresh").status_code == 415
    assert client.get("refresh").status_code == 405


def test_a_sidecar_that_leads_out_is_not_written(
    client: TestClient, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    (root / "style/ink.json").symlink_to(outside)
    answer = client.post(f"file/{rows(client)['ink']['id']}", json={"notes": "x"})
    assert answer.status_code == 403
    assert outside.read_text() == "{}"


def test_a_hash_is_computed_when_it_is_asked_for(client: TestClient, root: Path) -> None:
    row = rows(client)["ink"]
    assert "hash" not in row
    answer = client.post(f"file/{row['id']}/hash", json={})
    assert answer.json()["hash"] == hashlib.sha256(b"tensors.").hexdigest()[:12]
    assert rows(client)["ink"]["hash"] == answer.json()["hash"]
    assert client.post(f"file/{rows(client)['page']['id']}/hash", json={}).status_code == 422
    assert client.post(f"file/{row['id']}/hash").status_code == 415


def test_tag_counts_of_fifty_megabytes_do_no_harm(connect: Connect, tmp_path: Path) -> None:
    tags = json.dumps({"set": {f"tag {n} {'x' * 80}": n for n in range(500_000)}})
    assert len(tags) > 45_000_000
    lora(tmp_path / "large" / "x.safetensors", ss_tag_frequency=tags, other="y" * 5000)
    client = connect(tmp_path / "large")
    began = time.process_time()
    (row,) = rows(client).values()
    found = client.get(f"file/{row['id']}")
    assert time.process_time() - began < 10
    assert len(found.content) < 5000
    assert found.json()["training_tags"] == []


def test_a_thumbnail_is_small_and_kept(client: TestClient, root: Path, tmp_path: Path) -> None:
    row = rows(client)["ghibli"]
    address = f"preview/{row['id']}?v={row['preview']}"
    answer = client.get(address)
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert Image.open(io.BytesIO(answer.content)).size == (384, 480)
    (kept,) = (tmp_path / "cache/thumbnails").iterdir()
    assert kept.read_bytes() == answer.content
    picture(root / "ghibli.preview.png", (100, 50))
    client.post("refresh", json={})
    newer = rows(client)["ghibli"]
    assert newer["preview"] != row["preview"]
    assert Image.open(io.BytesIO(client.get(address).content)).size == (100, 50)
    assert client.get(address).headers["cache-control"] == "no-cache"  # of the old version
    assert len(list((tmp_path / "cache/thumbnails").iterdir())) == 1


def test_the_full_picture_is_the_file_itself(client: TestClient, root: Path) -> None:
    answer = client.get(f"preview/{rows(client)['ghibli']['id']}?full=1")
    assert answer.headers["content-type"] == "image/png"
    assert answer.content == (root / "ghibli.preview.png").read_bytes()


@pytest.mark.parametrize("full", ["", "?full=1"])
def test_what_is_no_picture_is_not_shown(client: TestClient, root: Path, full: str) -> None:
    (root / "style/ink.png").write_text("<svg><script>alert(1)</script></svg>")
    client.post("refresh", json={})
    row = rows(client)["ink"]
    assert row["preview"]
    assert client.get(f"preview/{row['id']}{full}").status_code == 404
    assert client.get(f"preview/{rows(client)['page']['id']}{full}").status_code == 404


@pytest.mark.parametrize("full", ["", "?full=1"])
def test_a_picture_outside_is_not_shown(
    connect: Connect, root: Path, tmp_path: Path, full: str
) -> None:
    secret = picture(tmp_path / "secret.png")
    (root / "style/ink.png").symlink_to(secret)
    lora(tmp_path / "far/linked.safetensors")
    picture(tmp_path / "far/linked.png")
    (root / "far").symlink_to(tmp_path / "far")
    client = connect()
    assert client.get(f"preview/{rows(client)['ink']['id']}{full}").status_code == 404
    # a linked folder's own pictures are the library's
    assert client.get(f"preview/{rows(client)['linked']['id']}{full}").status_code == 200
