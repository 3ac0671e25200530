"""The routes: what the page gets, what it may change, and what nobody may read or write."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.testclient import TestClient
from library.files import lora
from live_lora.browser import routes
from live_lora.library.catalog import Catalog
from live_lora.library.header import Header
from live_lora.prompt import Language
from PIL import Image

NAMES = ('q"uote <b>x<b>\n', "x' onerror=alert(1)", "名前", os.fsdecode(b"caf\xe9"), "n" * 200)
Visit = Callable[..., TestClient]
CATALOGS = WeakKeyDictionary[TestClient, Catalog]()


def picture(path: Path, size: tuple[int, int] = (800, 1000), kind: str = "PNG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "teal").save(path, kind)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "Lora"
    lora(
        root / "ghibli.safetensors", alias="studio", ss_tag_frequency='{"a": {"sky": 3, "sea": 5}}'
    )
    lora(root / "style/ink.safetensors")
    (root / "page.safetensors").write_text("<html>")
    picture(root / "ghibli.preview.png")
    (root / "ghibli.json").write_text(
        json.dumps({"activation text": "ghibli style", "preferred weight": 0.7, "kept": 1})
    )
    return root


@pytest.fixture
def visit(root: Path, tmp_path: Path) -> Iterator[Visit]:
    clients = []

    def visit(*folders: Path, **options: Any) -> TestClient:
        def guess(_: Path, header: Header) -> str:
            return "SDXL" if header.metadata.get("ss_output_name") == "studio" else "Unknown"

        catalog = Catalog(
            folders or [root],
            cache=tmp_path / "cache",
            guess=guess,
        )
        app = FastAPI()
        app.include_router(routes.router(lambda: catalog, **options), prefix="/live-lora")
        clients.append(TestClient(app, base_url="http://test/live-lora/"))
        CATALOGS[clients[-1]] = catalog
        return clients[-1]

    yield visit
    for client in clients:
        client.close()


def test_a_second_folder_is_named_where_its_files_are(visit: Visit, tmp_path: Path) -> None:
    """`Lora/a` and `Lora-2/a` are names that the page must know, too."""
    folders = [tmp_path / "x" / "Lora", tmp_path / "y" / "Lora"]
    for folder in folders:
        lora(folder / "a.safetensors")
    found = visit(*folders).get("library").json()
    assert found["label"] == "Lora"
    assert [row.get("label") for row in found["loras"]] == [None, "Lora-2"]


@pytest.fixture
def client(visit: Visit) -> TestClient:
    return visit()


def rows(client: TestClient) -> dict[str, dict[str, Any]]:
    """All rows, after a round of the background's."""
    CATALOGS[client].scan()
    CATALOGS[client].read_all()
    return {row["name"]: row for row in client.get("library").json()["loras"]}


def test_the_library_lists_every_file(client: TestClient, root: Path) -> None:
    found = rows(client)
    answer = client.get("library")
    assert answer.status_code == 200
    facts = answer.json()
    assert (facts["read"], facts["files"], facts["all"], facts["problems"]) == (3, 3, True, [])
    assert list(found) == ["ghibli", "page", "ink"]
    ghibli = found["ghibli"]
    assert ghibli.pop("mtime") == pytest.approx((root / "ghibli.safetensors").stat().st_mtime)
    assert isinstance(ghibli.pop("preview"), int)
    assert len(ghibli.pop("id")) == 16
    assert ghibli == {
        "name": "ghibli",
        "relative": "ghibli.safetensors",
        "alias": "studio",
        "base": "SDXL",
        "size": (root / "ghibli.safetensors").stat().st_size,
        "weight": 0.7,
        "words": "ghibli style",
    }
    assert found["ink"]["folder"] == "style"
    assert "web page" in found["page"]["error"]


def test_no_answer_holds_a_path_of_the_machine(client: TestClient, root: Path) -> None:
    answers = [client.get("library"), client.post("refresh", json={})]
    for row in rows(client).values():
        answers.append(client.get(f"file/{row['id']}"))
    (root / "ghibli.json").write_text("{broken")
    (root / "locked").symlink_to(root / "nowhere")
    (root / "locked.safetensors").symlink_to(root / "nowhere")
    answers.append(client.get(f"file/{rows(client)['ghibli']['id']}"))
    answers.append(client.post(f"file/{rows(client)['ghibli']['id']}", json={"notes": "x"}))
    answers.append(client.post("refresh", json={}))
    assert [answer.status_code for answer in answers] == [200] * 6 + [422, 200]
    assert all(str(root.parent) not in answer.text for answer in answers)


def test_a_file_for_another_model_says_so(visit: Visit) -> None:
    client = visit(model_of=lambda: "SD1")
    assert rows(client)["ghibli"]["misfit"] == "made for SDXL, this is SD1"
    assert "misfit" not in rows(client)["ink"]
    assert client.get("library").json()["model"] == {"base": "SD1"}


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_arrive_as_they_are(visit: Visit, tmp_path: Path, name: str) -> None:
    lora(tmp_path / "odd" / f"{name}.safetensors", alias="<img src=x>")
    client = visit(tmp_path / "odd")
    rows(client)
    answer = client.get("library")
    assert answer.headers["content-type"] == "application/json"
    (row,) = json.loads(answer.content)["loras"]
    assert (row["name"], row["alias"]) == (name, "<img src=x>")
    assert client.get(f"file/{row['id']}").json()["name"] == name


def test_an_unchanged_answer_is_not_sent_again(client: TestClient, root: Path) -> None:
    rows(client)
    first = client.get("library")
    again = client.get("library", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    lora(root / "new.safetensors")
    assert "new" in rows(client)
    changed = client.get("library", headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200


def test_a_search_answers_with_ids(client: TestClient) -> None:
    ids = {row["id"]: name for name, row in rows(client).items()}

    def found(text: str) -> list[str]:
        return [ids[id] for id in client.get("search", params={"text": text}).json()["ids"]]

    assert found("training:sea") == found("ghibli style") == ["ghibli"]
    assert found("nothing of the kind") == found("") == []


def test_refresh_sees_changed_sidecars(client: TestClient, root: Path) -> None:
    assert rows(client)["ghibli"]["weight"] == 0.7
    (root / "ghibli.json").write_text('{"preferred weight": -0.25}')
    client.post("refresh", json={})
    assert rows(client)["ghibli"]["weight"] == -0.25


def test_only_what_changed_is_sent(client: TestClient, root: Path) -> None:
    rows(client)
    whole = client.get("library").json()
    assert (len(whole["loras"]), whole["all"]) == (3, True)

    def changed(look: str = "") -> tuple[list[str], list[str]]:
        nonlocal whole
        since = whole["since"]
        whole = client.get("library", params={"since": since, "look": look}).json()
        assert whole["all"] is False
        return [row["name"] for row in whole["loras"]], whole["gone"]

    assert changed() == ([], [])
    ink, ghibli = (rows(client)[name]["id"] for name in ("ink", "ghibli"))
    lora(root / "style/new.safetensors")
    (root / "style/ink.safetensors").unlink()
    assert changed() == ([], [])  # nobody looked
    assert changed(f"{ink},{ghibli}") == (["new"], [ink])
    (root / "ghibli.json").write_text('{"preferred weight": -0.25}')
    picture(root / "ghibli.preview.png", (10, 10))
    assert changed(ghibli) == (["ghibli"], [])
    assert changed(ghibli) == ([], [])
    CATALOGS[client].read_all()
    assert sorted(changed()[0]) == ["ghibli", "new"]
    assert rows(client)["ghibli"]["weight"] == -0.25


@pytest.mark.parametrize("since", ["nonsense", "0", "-", "other:SD1-3", "x" * 9999])
def test_numbers_of_another_start_mean_nothing(client: TestClient, since: str) -> None:
    rows(client)
    found = client.get("library", params={"since": since}).json()
    assert (found["all"], len(found["loras"])) == (True, 3)


def test_another_model_sends_all_rows_again(visit: Visit) -> None:
    model = "SD1"
    client = visit(model_of=lambda: model)
    since = client.get("library").json()["since"]
    model = "SDXL"
    assert client.get("library", params={"since": since}).json()["all"] is True


def test_an_answer_says_how_far_the_reading_is(client: TestClient) -> None:
    first = client.get("library").json()
    assert (first["read"], first["files"], len(first["loras"])) == (0, 3, 3)
    assert all(row["unread"] and row["base"] == "Unknown" for row in first["loras"])
    catalog = CATALOGS[client]
    catalog.notice([first["loras"][2]["id"]])
    assert catalog.read_next()
    second = client.get("library", params={"since": first["since"]}).json()
    assert [row["id"] for row in second["loras"]] == [first["loras"][2]["id"]]
    assert second["read"] == 1


def test_a_long_answer_is_compressed_for_who_takes_it(visit: Visit, tmp_path: Path) -> None:
    for number in range(20):
        lora(tmp_path / "many" / f"{number}.safetensors")
    client = visit(tmp_path / "many")
    plain = client.get("library", headers={"Accept-Encoding": "identity"})
    packed = client.get("library", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) * 3 < int(plain.headers["content-length"])
    assert packed.json()["loras"] == plain.json()["loras"]


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


def test_tag_counts_of_fifty_megabytes_do_no_harm(visit: Visit, tmp_path: Path) -> None:
    tags = json.dumps({"set": {f"tag {n} {'x' * 80}": n for n in range(500_000)}})
    assert len(tags) > 45_000_000
    lora(tmp_path / "large" / "x.safetensors", ss_tag_frequency=tags, other="y" * 5000)
    client = visit(tmp_path / "large")
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
    visit: Visit, root: Path, tmp_path: Path, full: str
) -> None:
    secret = picture(tmp_path / "secret.png")
    (root / "style/ink.png").symlink_to(secret)
    lora(tmp_path / "far/linked.safetensors")
    picture(tmp_path / "far/linked.png")
    (root / "far").symlink_to(tmp_path / "far")
    client = visit()
    assert client.get(f"preview/{rows(client)['ink']['id']}{full}").status_code == 404
    # a linked folder's own pictures are the library's
    assert client.get(f"preview/{rows(client)['linked']['id']}{full}").status_code == 200


@pytest.mark.parametrize(
    "id", ["0" * 16, "..", "../ghibli", "%2e%2e%2fghibli.json", "ghibli.safetensors", "%00"]
)
@pytest.mark.parametrize("route", ["file", "preview"])
def test_only_ids_lead_to_files(client: TestClient, route: str, id: str) -> None:
    assert client.get(f"{route}/{id}").status_code in (404, 405)


def test_our_modules_are_served_fresh(client: TestClient) -> None:
    for name in ("main.mjs", "page.css"):
        answer = client.get(f"static/{name}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"
        kind = "text/css" if name.endswith("css") else "text/javascript"
        assert answer.headers["content-type"].startswith(kind)
        tag = answer.headers["etag"]
        assert client.get(f"static/{name}", headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize(
    "path",
    ["", "none.mjs", "%2e%2e/tab.py", "..%2f..%2fapp.mjs", "%2fetc%2fpasswd", "main.mjs%00", "."],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(f"static/{path}").status_code == 404


def test_a_guard_stands_before_everything_but_the_modules(visit: Visit) -> None:
    def guard(request: Request) -> None:
        if request.headers.get("x-token") != "right":
            raise HTTPException(401, "log in first")

    client = visit(guard=guard)
    for address in ("library", "report", "file/0", "preview/0"):
        assert client.get(address).status_code == 401
    assert client.post("refresh", json={}).status_code == 401
    assert client.post("file/0", json={}).status_code == 401
    assert client.get("static/main.mjs").status_code == 200
    assert client.get("library", headers={"x-token": "right"}).status_code == 200


def test_the_last_report(visit: Visit) -> None:
    assert visit().get("report").json() == {}
    assert visit(report_of=lambda: {"networks": []}).get("report").json() == {"networks": []}


def test_a_file_removed_since_the_scan(client: TestClient, root: Path) -> None:
    id = rows(client)["ghibli"]["id"]
    (root / "ghibli.safetensors").unlink()
    (root / "ghibli.preview.png").unlink()
    assert client.get(f"preview/{id}").status_code == 404
    answer = client.get(f"file/{id}")
    assert answer.status_code == 200
    client.post("refresh", json={})
    assert client.get(f"file/{id}").status_code == 404
    assert "refresh the list" in client.get(f"file/{id}").json()["detail"]


def test_explains_prompts(client: TestClient) -> None:
    prompts = [
        {"text": "a <lora:x:0.8:stop=40%> <lora:y:dyn=8>"},
        {"text": "<lora:z:only=cond>", "negative": True},
    ]
    first, second = client.post("explain", json={"prompts": prompts}).json()["prompts"]
    assert first["tags"][-1]["arguments"][0]["words"] == "first 8 ranks only"
    assert first["problems"][0]["fix"] == {"span": [19, 22], "text": "0.4"}
    assert second["problems"][0]["code"] == "never-on"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"prompts": "x"}, 422),
        ({"prompts": [{"text": 3}]}, 422),
        ({"prompts": [{"text": ""}] * 17}, 422),
        ({"prompts": [{"text": "x" * 60_000}] * 2}, 413),
        ({"prompts": [{"text": "x" * 2_000_000}]}, 413),
    ],
)
def test_explains_nothing_else(client: TestClient, body: Any, status: int) -> None:
    assert client.post("explain", json=body).status_code == status


def test_half_a_character_in_a_prompt_is_explained(client: TestClient) -> None:
    body = '{"prompts": [{"text": "\\ud800 <lora:\\udfff:0,5>"}]}'
    found = client.post("explain", content=body, headers={"Content-Type": "application/json"})
    assert found.json()["prompts"][0]["problems"][0]["fix"]["text"] == "0.5"


def test_the_language_has_the_users_presets(visit: Visit) -> None:
    mine = Language.with_presets("MINE:" + ",".join("1" * 17))
    client = visit(language_of=lambda: mine)
    assert "MINE" in client.get("language").json()["presets"]
    asked = {"prompts": [{"text": "<lora:x:lbw=MINE>"}]}
    assert client.post("explain", json=asked).json()["prompts"][0]["problems"] == []
