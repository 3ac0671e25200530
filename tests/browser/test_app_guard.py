"""Other programs of this machine, and other sites, can do nothing to the app."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from .conftest import LOCAL, missing

try:
    from playwright.sync_api import Page
except ImportError:
    missing("playwright is not installed")

ATTACK = """async address => {
    const json = {'Content-Type': 'application/json'};
    const form = new FormData();
    form.append('files', new Blob(['x'.repeat(1000)]), 'x.bin');
    const tries = [
        ['live-lora/refresh', {method: 'POST', headers: json, body: '{}'}],
        ['gradio_api/call/draw', {method: 'POST', headers: json, body: '{"data": []}'}],
        ['gradio_api/call/end', {method: 'POST', headers: json, body: '{"data": []}'}],
        ['gradio_api/queue/join', {method: 'POST', mode: 'no-cors', body: '{}'}],
        ['gradio_api/upload', {method: 'POST', mode: 'no-cors', body: form}],
        ['live-lora/library', {}],
        ['live-lora/library', {mode: 'no-cors'}],
    ];
    const read = [];
    for (const [path, options] of tries) {
        try { read.push((await fetch(address + path, options)).status); }
        catch { read.push('refused'); }
    }
    return read;
}"""


class Hello(BaseHTTPRequestHandler):
    """Another page of this machine; with a path, one that frames what the path names."""

    def do_GET(self) -> None:
        framed = self.path.removeprefix("/")
        body = f'<iframe src="{framed}"></iframe>' if framed else "hello"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    """The port of another program on this machine that serves a page."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "evil.test"])
def test_other_pages_can_do_nothing(app: Page, address: str, elsewhere: int, name: str) -> None:
    page = app.context.new_page()
    statuses: list[int] = []
    page.on(
        "response", lambda answer: answer.url.startswith(address) and statuses.append(answer.status)
    )
    page.goto(f"http://{name}:{elsewhere}/")
    read = page.evaluate(ATTACK, address)
    page.close()
    assert set(read) <= {"refused", 0}
    assert statuses, "the requests came through to the app"
    assert set(statuses) == {403}


def test_the_page_cannot_be_framed(app: Page, address: str, elsewhere: int) -> None:
    page = app.context.new_page()
    page.goto(f"{LOCAL}{elsewhere}/{address}")
    page.wait_for_timeout(500)
    assert all("Live LoRA" not in frame.content() for frame in page.frames[1:])
    page.close()


def test_other_names_of_this_machine_are_refused(address: str, app: Page) -> None:
    answer = app.request.get(address, headers={"Host": "evil.example"})
    assert answer.status == 400
