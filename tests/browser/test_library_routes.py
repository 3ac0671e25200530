"""The routes of the library grown up: Civitai, many files, sets, and a file by its hash."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from library.civitai.site import PNG, Site, in_place_of_civitai
from library.files import lora
from live_lora.browser import routes
from live_lora.library.catalog import Catalog
from PIL import Image

from .route_client import Connect, ids

KEY = "abcdef0123456789"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "sub/b"):
        path = lora(tmp_path / "Lora" / f"{name}.safetensors", data=name.encode())
        path.with_suffix(".json").write_text('{"activation text": "words"}')
    return tmp_path / "Lora"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("LIVE_LORA_CIVITAI_KEY", KEY)
    with in_place_of_civitai(monkeypatch) as site:
        yield site


def ended(client: TestClient) -> dict[str, Any]:
    """The errand's last word."""
    for _ in range(500):
        state: dict[str, Any] = client.get("errand").json()
        if not state["running"]:
            return state
        time.sleep(0.01)
    raise AssertionError("it does not end")


def test_lookup(site: Site, client: TestClient, root: Path) -> None:
    site.add(root / "a.safetensors", 7)
    began = client.post("civitai/lookup", json={})
    assert (began.status_code, began.json()["running"]) == (200, True)
    state = ended(client)
    assert (state["kind"], state["result"]["found"], state["result"]["missing"]) == ("lookup", 1, 1)
    details = client.get(f"file/{ids(client)['a']}").json()
    assert details["civitai"]["version_id"] == 7
    client.post("civitai/updates", json={"ids": list(ids(client).values())})
    assert ended(client)["result"] == {"newer": {}}


def test_download(site: Site, client: TestClient, root: Path, tmp_path: Path) -> None:
    site.add(lora(tmp_path / "there/new.safetensors"), 7)
    client.post("civitai/download", json={"version": 7, "folder": "style"})
    state = ended(client)
    assert state["result"] == {"id": ids(client)["new"]}
    assert (root / "style/new.safetensors").exists()
    client.post("civitai/download", json={"version": 8})
    assert ended(client)["code"] == "not-there"


def test_one_errand_at_a_time_and_a_stop(site: Site, client: TestClient) -> None:
    site.faults.append(lambda handler: time.sleep(0.3) is not None)
    client.post("civitai/lookup", json={})
    second = client.post("civitai/lookup", json={})
    assert (second.status_code, "under way" in second.json()["detail"]) == (409, True)
    client.post("errand/stop", json={})
    assert "stopped" in ended(client)["result"]["ended"]


def test_the_key_is_in_no_answer(site: Site, client: TestClient) -> None:
    answers = [client.get("civitai"), client.post("civitai/lookup", json={})]
    ended(client)
    answers += [client.get("errand"), client.get("library")]
    assert client.get("civitai").json()["key"] is True
    assert not [one for one in answers if KEY in one.text or KEY in str(one.headers)]


def test_nothing_is_sent_unless_it_is_asked(site: Site, client: TestClient) -> None:
    for address in ("civitai", "errand", "library", "versions", "duplicates", "sets", "bin"):
        assert client.get(address).status_code == 200
    assert site.asked == []


BAD: list[tuple[str, dict[str, Any]]] = [
    ("civitai/download", {}),
    ("civitai/download", {"version": "7"}),
    ("civitai/download", {"version": -1}),
    ("civitai/download", {"version": 7, "library": 3}),
    ("civitai/download", {"version": 7, "folder": 3}),
    ("civitai/lookup", {"ids": "all"}),
    ("bulk/delete", {}),
    ("bulk/delete", {"ids": []}),
    ("bulk/move", {"ids": None, "folder": "x"}),
    ("bulk/rename", {"id": "x"}),
    ("sets", {}),
    ("sets", {"set": {"name": "x"}}),
    ("sets", {"text": "a fox"}),
    ("sets/import", {"sets": []}),
]


@pytest.mark.parametrize(("address", "content"), BAD)
def test_bad_requests(client: TestClient, address: str, content: dict[str, Any]) -> None:
    answer = client.post(address, json=content)
    assert answer.status_code in (404, 422)
    assert answer.json()["detail"]
    assert client.get("errand").json()["kind"] is None


def test_move_rename_tag(client: TestClient, root: Path) -> None:
    known = ids(client)
    moved = client.post("bulk/move", json={"ids": list(known.values()), "folder": "new"}).json()
    assert moved == {"done": ["a", "b"], "problems": [], "undo": None}
    assert (root / "new/a.json").exists()
    known = ids(client)
    assert client.post("bulk/rename", json={"id": known["a"], "name": "c"}).json()["done"] == ["a"]
    client.post("bulk/tag", json={"ids": [ids(client)["c"]], "add": ["mine"]})
    assert client.get(f"file/{ids(client)['c']}").json()["tags"] == ["mine"]
    for content in ({"ids": [known["b"]], "folder": ".."}, {"ids": ["../x"], "folder": "y"}):
        assert client.post("bulk/move", json=content).status_code in (404, 422)


def test_delete_and_undo(client: TestClient, root: Path) -> None:
    known = ids(client)
    undo = client.post("bulk/delete", json={"ids": list(known.values())}).json()["undo"]
    assert ids(client) == {}
    assert [one["relative"] for one in client.get("bin").json()["deleted"]] == [
        *("a.safetensors", "sub/b.safetensors")
    ]
    assert len(client.post("bin/restore", json={"id": undo}).json()["done"]) == 2
    assert ids(client) == known
    assert client.post("bin/restore", json={"id": undo}).status_code == 404
    assert client.post("bin/purge", json={"id": "../.."}).status_code == 404


def drawn(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 6), "teal").save(out, kind)
    return out.getvalue()


def test_another_preview(client: TestClient, root: Path) -> None:
    """It is shown instead of what was there, which keeps its place beside the file."""
    (root / "a.png").write_bytes(PNG + b"the old one")
    client.post("refresh", json={})
    id = ids(client)["a"]
    headers = {"content-type": "image/jpeg"}
    picture, other = drawn("JPEG"), drawn("PNG")
    found = client.post(f"file/{id}/preview", content=picture, headers=headers).json()
    assert client.get(f"preview/{id}?full=1&v={found['preview']}").content == picture
    assert (root / "a.before.png").read_bytes() == PNG + b"the old one"
    again = client.post(f"file/{id}/preview", content=other, headers={"content-type": "image/png"})
    assert again.json()["preview"] != found["preview"]
    assert client.get(f"preview/{id}?full=1").content == other
    assert (root / "a.preview.jpg").read_bytes() == picture
    page = client.post(f"file/{id}/preview", content=b"<html>", headers=headers)
    assert page.status_code == 422
    assert client.post(f"file/{id}/preview", json={}).status_code == 415
    client.post("bulk/rename", json={"id": id, "name": "b"})
    assert (root / "b.before.png").exists()


def test_examples_are_texts(client: TestClient, root: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    meta = {"prompt": evil, "negativePrompt": "blurry", "steps": 20, "seed": 7, "sampler": ["x"]}
    images = [{"meta": meta}, {"meta": {"meta": {"prompt": "p" * 9000}}}, {"meta": None}, 3, {}]
    info = {"id": 1, "images": images * 9}
    (root / "a.civitai.info").write_text(json.dumps(info))
    found = client.get(f"file/{ids(client)['a']}").json()["examples"]
    settings = "Steps: 20, Seed: 7"
    assert found[0] == {"prompt": evil, "negative": "blurry", "settings": settings}
    assert len(found[1]["prompt"]) == 4000
    assert len(found) == 4  # of the first ten pictures
    for images in ("x", None, {"a": 1}):
        (root / "a.civitai.info").write_text(json.dumps({"id": 1, "images": images}))
        assert client.get(f"file/{ids(client)['a']}").json()["examples"] == []


def test_sets(client: TestClient) -> None:
    (id,) = client.post("sets", json={"text": "x <lora:a:0.8>", "name": "One"}).json()["ids"]
    (row,) = client.get("sets").json()["sets"]
    assert (row["id"], row["name"], row["text"]) == (id, "One", "<lora:a:0.8>")
    assert client.get(f"sets/{id}/picture").status_code == 404
    kept = client.post(f"sets/{id}/picture", content=PNG, headers={"content-type": "image/png"})
    assert kept.status_code == 200
    assert client.get(f"sets/{id}/picture").content == PNG
    exported = client.get("sets/export").json()
    changed = {"name": "Two", "loras": [{"name": "b"}], "words": "film"}
    (new,) = client.post(f"sets/{id}", json={"set": changed}).json()["ids"]
    assert client.get(f"sets/{new}/picture").content == PNG
    client.post(f"sets/{new}/remove", json={})
    assert client.get("sets").json()["sets"] == []
    assert client.post("sets/import", json=exported).json()["ids"] == [id]


UPLOADS = {
    "text": ({"content-type": "text/plain"}, PNG, 415),
    "none": ({"content-type": ""}, PNG, 415),
    "form": ({"content-type": "multipart/form-data; boundary=x"}, PNG, 415),
    "svg": ({"content-type": "image/svg+xml"}, b"<svg onload=alert(1)>", 415),
    "page": ({"content-type": "image/png"}, b"<html>", 422),
    "large": ({"content-type": "image/png"}, PNG + b"x" * (16 << 20), 413),
}


@pytest.mark.parametrize("case", UPLOADS)
def test_what_is_no_picture_of_a_set(client: TestClient, case: str) -> None:
    headers, content, status = UPLOADS[case]
    (id,) = client.post("sets", json={"text": "<lora:a:1>"}).json()["ids"]
    answer = client.post(f"sets/{id}/picture", content=content, headers=headers)
    assert answer.status_code == status


def test_by_hash(client: TestClient, root: Path) -> None:
    entry = Catalog([root]).find("a")
    unknown = client.get(f"hash/{entry.shorthash}")
    assert unknown.status_code == 404
    assert "not hashed yet" in unknown.json()["detail"]


def test_by_hash_where_it_is_known(tmp_path: Path, root: Path) -> None:
    catalog = Catalog([root])
    entry = catalog.find("a")
    assert entry.hash
    (root / "a.png").write_bytes(PNG)
    catalog.scan()
    app = FastAPI()
    app.include_router(routes.router(lambda: catalog))
    with TestClient(app) as client:
        for hash in (entry.shorthash, entry.hashes.file, entry.hash.upper()):
            facts = client.get(f"hash/{hash}").json()
            assert (facts["name"], facts["words"]) == ("a", "words")
            assert facts["hashes"]["tensors"] == entry.hash
        assert client.get(f"hash/{entry.shorthash}/words").json() == {
            "name": "a",
            "words": "words",
            "triggers": [],
            "negative": "",
            "weight": None,
        }
        assert client.get(f"hash/{entry.shorthash}/preview").content == PNG
        assert client.get("hash/xyz").status_code == 422
        assert client.get("sets").status_code == 404  # without a folder for data
        assert str(tmp_path) not in client.get(f"hash/{entry.shorthash}").text


WRITES = [
    *("civitai/lookup", "civitai/updates", "civitai/download", "errand/stop", "bulk/move"),
    *("bulk/rename", "bulk/delete", "bulk/tag", "bin/restore", "bin/purge", "sets"),
    *("sets/import", "sets/0123456789abcdef", "sets/0123456789abcdef/remove", "file/x"),
]


@pytest.mark.parametrize("address", WRITES)
def test_writes_are_off_where_strangers_come(connect: Connect, address: str) -> None:
    client = connect(closed_of=lambda: "others can reach this page (--listen)")
    answer = client.post(address, json={})
    assert (answer.status_code, "--listen" in answer.json()["detail"]) == (403, True)
    assert client.get("civitai").json()["closed"].startswith("others")


@pytest.mark.parametrize("address", WRITES)
def test_other_sites_cannot_write(client: TestClient, address: str) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = client.post(address, content=b"{}", headers={"content-type": kind})
        assert answer.status_code == 415


def test_a_login_stands_before_all(connect: Connect) -> None:
    from fastapi import HTTPException

    def guard() -> None:
        raise HTTPException(401)

    client = connect(guard=guard)
    for address in ("sets", "bin", "civitai", "errand", "hash/abcdef", "versions", "duplicates"):
        assert client.get(address).status_code == 401
    for address in WRITES:
        assert client.post(address, json={}).status_code == 401


def test_every_write_is_in_the_list_above(client: TestClient) -> None:
    found = set()
    for route in json.loads(client.get("http://test/openapi.json").text)["paths"].items():
        address, methods = route
        if "post" in methods:
            found.add(address.removeprefix("/live-lora/").replace("{id}", "0123456789abcdef"))
    id = "0123456789abcdef"
    others = {"refresh", "explain", f"file/{id}/hash", f"file/{id}", f"sets/{id}/picture"}
    others |= {f"file/{id}/preview", "upload"}  # test_uploads.py
    assert "bulk/move" in found
    assert found <= set(WRITES) | others


def test_the_documentation_names_every_route_of_the_library(client: TestClient) -> None:
    text = (Path(__file__).parents[2] / "docs/library.md").read_text(encoding="utf-8")
    named = text.replace("HASH", "{hash}").replace("ID", "{id}")
    rooms = ("hash", "sets", "bulk", "bin", "civitai", "errand", "duplicates", "versions")
    paths = client.get("http://test/openapi.json").json()["paths"]
    ours = [path.removeprefix("/live-lora/") for path in paths]
    ours = [path for path in ours if path.startswith(rooms)]
    assert len(ours) > 20
    assert [path for path in ours if f"`{path}`" not in named and f"GET {path}`" not in named] == []
