"""Clients of the routes for tests without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from fastapi import FastAPI
from fastapi.testclient import TestClient
from library.files import lora
from live_lora.browser import routes
from live_lora.library.catalog import Catalog
from live_lora.library.header import Header
from PIL import Image

Connect = Callable[..., TestClient]
CATALOGS = WeakKeyDictionary[TestClient, Catalog]()


def client_of(catalog: Catalog, **options: Any) -> TestClient:
    """One that asks our routes as a page does, from beside them."""
    app = FastAPI()
    app.include_router(routes.router(lambda: catalog, **options), prefix="/live-lora")
    client = TestClient(app, base_url="http://test/live-lora/")
    CATALOGS[client] = catalog
    return client


def rows(client: TestClient) -> dict[str, dict[str, Any]]:
    """All rows by name, after a round of the background's."""
    CATALOGS[client].scan()
    CATALOGS[client].read_all()
    return {row["name"]: row for row in client.get("library").json()["loras"]}


def ids(client: TestClient) -> dict[str, str]:
    """All ids by name."""
    return {row["name"]: row["id"] for row in client.get("library").json()["loras"]}


def guessing_catalog(folders: list[Path], cache: Path) -> Catalog:
    """One that takes the file of `small_library` with an alias for SDXL's."""

    def guess(_: Path, header: Header) -> str:
        return "SDXL" if header.metadata.get("ss_output_name") == "studio" else "Unknown"

    return Catalog(folders, cache=cache, guess=guess)


def small_library(root: Path) -> Path:
    """A LoRA with all that can stand beside it, one without, and one that is none."""
    tags = '{"a": {"sky": 3, "sea": 5}}'
    lora(root / "ghibli.safetensors", alias="studio", ss_tag_frequency=tags)
    lora(root / "style/ink.safetensors")
    (root / "page.safetensors").write_text("<html>")
    picture(root / "ghibli.preview.png")
    (root / "ghibli.json").write_text(
        json.dumps({"activation text": "ghibli style", "preferred weight": 0.7, "kept": 1})
    )
    return root


def picture(path: Path, size: tuple[int, int] = (800, 1000), kind: str = "PNG") -> Path:
    """A picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "teal").save(path, kind)
    return path
