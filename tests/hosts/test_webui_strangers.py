"""Where strangers reach a webui's page without a login, nothing can be changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from live_lora.hosts import webui
from modules import paths, shared

OPEN: dict[str, tuple[dict[str, Any], bool]] = {
    "this machine": ({}, False),
    "--listen": ({"listen": True}, True),
    "--share": ({"share": True, "server_name": None}, True),
    "--ngrok": ({"ngrok": "token"}, True),
    "--server-name": ({"server_name": "0.0.0.0"}, True),
    "a local name": ({"server_name": "127.0.0.1"}, False),
    "a local name, and shared": ({"server_name": "127.0.0.1", "share": True}, True),
}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setattr(paths, "data_path", str(tmp_path))
    return FastAPI()


def write(app: FastAPI) -> int:
    webui.tab_routes.mount(app)
    with TestClient(app) as client:
        status: int = client.post("/live-lora/sets", json={"text": "<lora:a:1>"}).status_code
    return status


@pytest.mark.parametrize("case", OPEN)
def test_writes(app: FastAPI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, case: str) -> None:
    flags, closed = OPEN[case]
    for name, value in flags.items():
        monkeypatch.setattr(shared.cmd_opts, name, value, raising=False)
    assert write(app) == (403 if closed else 200)
    assert (tmp_path / ".live-lora/sets.json").exists() is not closed


def test_a_login_opens_them_to_its_users(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """gradio's check is always there; without users of the page it lets everybody pass."""
    monkeypatch.setattr(shared.cmd_opts, "listen", True, raising=False)

    @app.get("/login_check")
    def login_check() -> None:
        return None

    app.auth = None  # type: ignore[attr-defined]
    assert write(app) == 403
    app.auth = {"me": "secret"}  # type: ignore[attr-defined]
    assert write(app) == 200
