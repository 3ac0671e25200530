"""Our routes in a webui answer its own page, by whatever name it is reached, and no other site."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from live_lora.hosts import webui
from live_lora.hosts.webui.other_sites import refusal
from modules import paths, shared

HERE = "127.0.0.1:7860"
EVIL = "http://evil.example"
PROXY = "https://draw.example"

CASES: dict[str, tuple[dict[str, str], bool]] = {
    "a program": ({}, True),
    "typed by the user": ({"sec-fetch-site": "none"}, True),
    "our page": ({"sec-fetch-site": "same-origin", "origin": f"http://{HERE}"}, True),
    "our page, reading": ({"sec-fetch-site": "same-origin"}, True),
    "our page in an old browser": ({"origin": f"http://{HERE}"}, True),
    "another site": ({"sec-fetch-site": "cross-site", "origin": EVIL}, False),
    "another site's picture": ({"sec-fetch-site": "cross-site"}, False),
    "another port": ({"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:1"}, False),
    "another site in an old browser": ({"origin": EVIL}, False),
    "another port in an old browser": ({"origin": "http://127.0.0.1:1"}, False),
    "a page from a file": ({"origin": "null"}, False),
    "a proxy with a certificate": ({"sec-fetch-site": "same-origin", "origin": PROXY}, True),
    "a proxy that says its name": ({"origin": PROXY, "x-forwarded-host": "draw.example"}, True),
    "two proxies": ({"origin": PROXY, "x-forwarded-host": "draw.example, inner"}, True),
    "another name than the proxy's": ({"origin": EVIL, "x-forwarded-host": "draw.example"}, False),
    "a port at the proxy": (
        {"origin": f"{PROXY}:8443", "x-forwarded-host": "draw.example:8443"},
        True,
    ),
    "another port at the proxy": (
        {"origin": f"{PROXY}:8443", "x-forwarded-host": "draw.example"},
        False,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_who_may_ask(case: str) -> None:
    headers, allowed = CASES[case]
    assert (refusal({"host": HERE, **headers}) is None) is allowed


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("cors_allow_origins", f"https://a.example,{EVIL}", True),
        ("cors_allow_origins", "*", True),
        ("cors_allow_origins", "https://a.example", False),
        ("cors_allow_origins_regex", r"http://(evil|a)\.example", True),
        ("cors_allow_origins_regex", r"http://evil", False),
    ],
)
def test_the_webuis_own_options(
    monkeypatch: pytest.MonkeyPatch, option: str, value: str, allowed: bool
) -> None:
    monkeypatch.setattr(shared.cmd_opts, option, value, raising=False)
    headers = {"host": HERE, "origin": EVIL, "sec-fetch-site": "cross-site"}
    assert (refusal(headers) is None) is allowed


def asked(client: TestClient, headers: Mapping[str, str]) -> list[int]:
    """The answers to reading and to writing."""
    read = client.get("/live-lora/report", headers=headers).status_code
    written = client.post("/live-lora/sets", json={"text": "<lora:a:1>"}, headers=headers)
    return [read, written.status_code]


def test_our_routes_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What else the webui serves is its own to guard."""
    monkeypatch.setattr(paths, "data_path", str(tmp_path))
    app: Any = FastAPI()
    webui.tab_routes.mount(app)
    app.get("/sdapi")(lambda: None)
    stranger = {"origin": EVIL, "sec-fetch-site": "cross-site"}
    with TestClient(app) as client:
        assert asked(client, {}) == [200, 200]
        assert asked(client, stranger) == [403, 403]
        refused = client.get("/live-lora/report", headers=stranger)
        assert "--cors-allow-origins" in refused.text
        assert client.get("/sdapi", headers=stranger).status_code == 200
