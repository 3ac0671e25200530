"""Textual inversions and checkpoints over the routes: shown, edited, and never taken for a LoRA."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from library.files import lora, raw
from live_lora.browser import routes
from live_lora.browser.shelf import CHECKPOINT, INVERSION, open_shelves
from live_lora.errors import UnknownName
from live_lora.library.catalog import Catalog

LORA_KEY = "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight"


def tensor(path: Path, key: str, *shape: int) -> Path:
    size = 4
    for one in shape:
        size *= one
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}
    return raw(path, {key: entry}, bytes(size))


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    lora(tmp_path / "Lora" / "ink.safetensors")
    return Catalog([tmp_path / "Lora"])


@pytest.fixture
def client(tmp_path: Path, catalog: Catalog) -> Iterator[TestClient]:
    words = tmp_path / "embeddings"
    tensor(words / "easy negative.safetensors", "emb_params", 2, 768)
    tensor(words / "misplaced.safetensors", LORA_KEY, 4, 320)
    (words / "old.pt").write_bytes(b"PK\x03\x04")
    (words / "easy negative.png").write_bytes(PNG)
    tensor(tmp_path / "models" / "v1.safetensors", "model.diffusion_model.out.0.weight", 8)
    folders = {INVERSION: [words], CHECKPOINT: [tmp_path / "models"]}
    shelves = open_shelves(folders, tmp_path / "cache")
    app = FastAPI()
    router = routes.router(
        lambda: catalog,
        model_of=lambda: "SDXL",
        shelves_of=lambda: shelves,
        data=tmp_path / "data",
    )
    app.include_router(router, prefix="/live-lora")
    with TestClient(app, base_url="http://test/live-lora/") as client:
        yield client


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0"
    "000003010100c9fe92ef0000000049454e44ae426082"
)


def shelf(client: TestClient) -> dict[str, dict[str, Any]]:
    answer = client.get("shelf?again=1").json()
    assert answer["read"] == len(answer["files"])
    return {row["name"]: row for row in answer["files"]}


def test_each_kind_is_shown_as_what_it_is(client: TestClient, tmp_path: Path) -> None:
    found = shelf(client)
    assert {name: row["what"] for name, row in found.items()} == {
        "easy negative": INVERSION,
        "misplaced": INVERSION,
        "old": INVERSION,
        "v1": CHECKPOINT,
    }
    assert found["easy negative"]["base"] == "SD1"
    assert "SDXL" in found["easy negative"]["misfit"]
    assert "move it to the folder of the LoRAs" in found["misplaced"]["error"]
    assert "misfit" not in found["v1"]
    assert str(tmp_path) not in json.dumps(found)


def test_none_of_them_is_a_lora(client: TestClient, catalog: Catalog) -> None:
    assert [row["name"] for row in client.get("library").json()["loras"]] == ["ink"]
    for name in ("easy negative", "v1"):
        with pytest.raises(UnknownName):
            catalog.find(name)
    row = shelf(client)["easy negative"]
    assert client.post("bulk/delete", json={"ids": [row["id"]]}).status_code == 404
    assert client.post(f"file/{row['id']}/hash", json={}).status_code == 404


def test_an_inversion_in_the_folder_of_the_loras_is_told(tmp_path: Path) -> None:
    from live_lora.hosts.attach import open_library
    from live_lora.session.session import Options

    tensor(tmp_path / "easy.safetensors", "emb_params", 2, 768)
    catalog = open_library(tmp_path, Options())
    catalog.read_all()
    assert "this is a textual inversion, not a LoRA" in str(catalog.entries[0].error)


def test_details_picture_and_notes(client: TestClient, tmp_path: Path) -> None:
    row = shelf(client)["easy negative"]
    found = client.get(f"file/{row['id']}").json()
    assert (found["id"], found["what"]) == (row["id"], INVERSION)
    assert client.get(f"preview/{row['id']}").headers["content-type"].startswith("image/")
    written = client.post(f"file/{row['id']}", json={"favourite": True}).json()
    assert written["favourite"] is True
    assert shelf(client)["easy negative"]["favourite"] is True
    assert "favourite" in (tmp_path / "embeddings" / "easy negative.json").read_text()


@pytest.mark.parametrize("id", ["inversion:0", "checkpoint:", "lora:1", ":", "a:b:c", "..:1"])
def test_ids_that_are_none(client: TestClient, id: str) -> None:
    assert client.get(f"file/{id}").status_code == 404
    assert client.get(f"preview/{id}").status_code == 404
