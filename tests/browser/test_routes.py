"""The routes: what the page gets of the library, and what nobody may read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from fastapi import HTTPException, Request
from fastapi.testclient import TestClient
from library.files import lora

from .route_client import CATALOGS, Connect, picture, rows

NAMES = ('q"uote <b>x<b>\n', "x' onerror=alert(1)", "名前", os.fsdecode(b"caf\xe9"), "n" * 200)


def test_a_second_folder_is_named_where_its_files_are(connect: Connect, tmp_path: Path) -> None:
    """`Lora/a` and `Lora-2/a` are names that the page must know, too."""
    folders = [tmp_path / "x" / "Lora", tmp_path / "y" / "Lora"]
    for folder in folders:
        lora(folder / "a.safetensors")
    found = connect(*folders).get("library").json()
    assert found["label"] == "Lora"
    assert [row.get("label") for row in found["loras"]] == [None, "Lora-2"]


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


def test_a_file_for_another_model_says_so(connect: Connect) -> None:
    client = connect(model_of=lambda: "SD1")
    assert rows(client)["ghibli"]["misfit"] == "made for SDXL, this is SD1"
    assert "misfit" not in rows(client)["ink"]
    assert client.get("library").json()["model"] == {"base": "SD1"}


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_arrive_as_they_are(connect: Connect, tmp_path: Path, name: str) -> None:
    lora(tmp_path / "odd" / f"{name}.safetensors", alias="<img src=x>")
    client = connect(tmp_path / "odd")
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


def test_another_model_sends_all_rows_again(connect: Connect) -> None:
    model = "SD1"
    client = connect(model_of=lambda: model)
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


def test_a_long_answer_is_compressed_for_who_takes_it(connect: Connect, tmp_path: Path) -> None:
    for number in range(20):
        lora(tmp_path / "many" / f"{number}.safetensors")
    client = connect(tmp_path / "many")
    plain = client.get("library", headers={"Accept-Encoding": "identity"})
    packed = client.get("library", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) * 3 < int(plain.headers["content-length"])
    assert packed.json()["loras"] == plain.json()["loras"]


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


def test_a_guard_stands_before_everything_but_the_modules(connect: Connect) -> None:
    def guard(request: Request) -> None:
        if request.headers.get("x-token") != "right":
            raise HTTPException(401, "log in first")

    client = connect(guard=guard)
    for address in ("library", "report", "file/0", "preview/0"):
        assert client.get(address).status_code == 401
    assert client.post("refresh", json={}).status_code == 401
    assert client.post("file/0", json={}).status_code == 401
    assert client.get("static/main.mjs").status_code == 200
    assert client.get("library", headers={"x-token": "right"}).status_code == 200


def test_the_last_report(connect: Connect) -> None:
    assert connect().get("report").json() == {}
    assert connect(report_of=lambda: {"networks": []}).get("report").json() == {"networks": []}


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
