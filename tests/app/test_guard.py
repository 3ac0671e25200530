"""Who may ask the app: its own pages, programs, and links; no other site, and no other name."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from live_lora.app.guard import Guard

ADDRESS = "http://127.0.0.1:7860"


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.add_middleware(Guard, names=("127.0.0.1", "localhost"))

    @app.api_route("/{path:path}", methods=["GET", "POST", "OPTIONS", "HEAD"])
    def anything(path: str) -> str:
        return path

    return TestClient(app, base_url=ADDRESS)


LINK = {
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}
ASKED = {
    "a program": ("POST", "/x", {}, 200),
    "our page": ("POST", "/x", {"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"}, 200),
    "the address bar": ("GET", "/", {"Sec-Fetch-Site": "none"}, 200),
    "a link elsewhere": ("GET", "/", LINK, 200),
    "a link to a route": ("GET", "/live-lora/library", LINK, 403),
    "a form elsewhere": ("POST", "/", LINK, 403),
    "a frame elsewhere": ("GET", "/", LINK | {"Sec-Fetch-Dest": "iframe"}, 403),
    "another port": ("POST", "/x", {"Origin": "http://127.0.0.1:7999"}, 403),
    "another port, asking first": ("OPTIONS", "/x", {"Origin": "http://localhost:7999"}, 403),
    "another site": ("POST", "/x", {"Origin": "http://evil.test"}, 403),
    "a sandboxed page": ("POST", "/x", {"Origin": "null"}, 403),
    "an image elsewhere": ("GET", "/x", {"Sec-Fetch-Site": "same-site"}, 403),
    "another name": ("GET", "/", {"Host": "evil.test:7860"}, 400),
    "a name that begins like ours": ("GET", "/", {"Host": "127.0.0.1.evil.test"}, 400),
    "our name without a port": ("GET", "/", {"Host": "localhost"}, 200),
    "no name": ("GET", "/", {"Host": ""}, 400),
    "a picture of ours": ("POST", "/gradio_api/upload", {"Origin": ADDRESS}, 200),
    "a picture from elsewhere": ("POST", "/gradio_api/upload", {"Origin": "http://x.test"}, 403),
    "a form's picture": ("POST", "/gradio_api/upload", LINK, 403),
    "a recording in capitals": ("POST", "/gradio_api/Process_Recording?x=1", {}, 404),
    "the older address": ("POST", "/upload", {}, 404),
    "the description": ("GET", "/openapi.json", {}, 404),
    "gradio's description": ("GET", "/gradio_api/openapi.json", {}, 404),
    "a recording": ("POST", "/gradio_api/process_recording", {}, 404),
}


@pytest.mark.parametrize("case", ASKED)
def test_who_may_ask(client: TestClient, case: str) -> None:
    method, path, headers, status = ASKED[case]
    assert client.request(method, path, headers=headers).status_code == status


def test_answers_cannot_be_framed(client: TestClient) -> None:
    headers = client.get("/").headers
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
